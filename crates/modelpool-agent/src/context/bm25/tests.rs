use super::*;

fn document(name: &str, text: &str) -> Document {
    Document {
        name: name.to_owned(),
        text: text.to_owned(),
        note: false,
    }
}

fn index(texts: &[&str]) -> Index {
    index_of(Bm25::default(), texts)
}

fn index_of(formula: Bm25, texts: &[&str]) -> Index {
    let mut index = Index::new(formula);
    for (number, text) in texts.iter().enumerate() {
        index.insert(&document(&format!("n{number}"), text));
    }
    index
}

fn found(index: &Index, question: &str) -> Vec<(String, f64)> {
    let hits = index.search(question, 10);
    hits.into_iter()
        .map(|hit| (hit.name.to_string(), hit.score))
        .collect()
}

#[test]
fn a_score_is_what_the_formula_says() {
    // Two passages of 3 and 1 words, mean 2; `red` in one of them, twice.
    // idf = ln(1 + (2 - 1 + 0.5) / 1.5) = ln 2
    // part = 2.2 · 2 / (2 + 1.2 · (0.25 + 0.75 · 3/2)) = 4.4 / 3.65
    let [(name, score)] = &found(&index(&["red red blue", "green"]), "red")[..] else {
        panic!("one passage");
    };
    assert_eq!(name, "n0");
    assert!(
        (score - std::f64::consts::LN_2 * 4.4 / 3.65).abs() < 1e-12,
        "{score}"
    );
}

const TEXTS: [&str; 4] = [
    "the cat sat near a mat and another cat slept",
    "dog and cat play",
    "birds sing while dogs bark and one dog howls loudly at night",
    "fish swim",
];

/// Computed once with two packages of PyPI that know nothing of this one, on words split at spaces:
///
/// ```text
/// pip install bm25s==0.3.16 rank_bm25==0.2.2
/// r = bm25s.BM25(method="lucene", k1=1.2, b=0.75); r.index(words); r.get_scores(["cat", "dog", "howls"]) * 2.2
/// o = rank_bm25.BM25Okapi(words, k1=1.2, b=0.75); o.idf = {term: ln(1 + (N - n + 0.5) / (n + 0.5))}; o.get_scores(…)
/// ```
///
/// `bm25s` leaves the constant k1 + 1 = 2.2 out, `rank_bm25` has another idf; with these put in both say the same to 7 digits.
#[test]
fn scores_are_those_of_others() {
    let expected = [
        ("n1", 1.681_018_359_2),
        ("n2", 1.468_123_003_4),
        ("n0", 0.850_555_106_0),
    ];
    let found = found(&index(&TEXTS), "cat dog howls");
    assert_eq!(found.len(), expected.len());
    for ((name, score), (expected_name, expected_score)) in found.iter().zip(expected) {
        assert_eq!(name, expected_name);
        assert!((score - expected_score).abs() < 1e-9, "{name}: {score}");
    }
}

#[test]
fn delta_lifts_whatever_has_the_term() {
    let formula = Bm25 {
        delta: 1.0,
        ..Bm25::default()
    };
    let lifted = found(&index_of(formula, &TEXTS), "cat");
    for ((name, with), (same, without)) in lifted.iter().zip(found(&index(&TEXTS), "cat")) {
        assert_eq!(*name, same);
        assert!((with - without - std::f64::consts::LN_2).abs() < 1e-12, "{name}");
    }
}

#[test]
fn numbers_that_are_none_do_no_harm() {
    let formula = Bm25 {
        k1: f64::NAN,
        b: 7.0,
        delta: -1.0,
    };
    assert!(
        found(&index_of(formula, &TEXTS), "cat")
            .iter()
            .all(|(_, score)| score.is_finite() && *score > 0.0)
    );
}

#[test]
fn chinese_and_identifiers_are_found() {
    let index = index(&[
        "模型池把语言模型放在别名之下,为每个请求挑选合适的模型。",
        "The function `getUserName` reads src/context/mod.rs line by line.",
        "今天的天气很好,我们去公园散步。",
    ]);
    for (question, name) in [
        ("怎样挑选模型?", "n0"),
        ("天气怎么样", "n2"),
        ("user name", "n1"),
        ("getUserName", "n1"),
        ("mod.rs", "n1"),
        ("context", "n1"),
        ("池", "n0"),
    ] {
        assert_eq!(
            found(&index, question).first().map(|(name, _)| name.as_str()),
            Some(name),
            "{question}"
        );
    }
}

#[test]
fn a_documents_name_is_searched_too() {
    let mut index = Index::default();
    index.insert(&document("docs/deploy.md", "Copy the binary."));
    index.insert(&document("docs/test.md", "Run the suite."));
    assert_eq!(found(&index, "How to deploy?")[0].0, "docs/deploy.md");
}

#[test]
fn equal_scores_go_by_name_and_place() {
    let mut index = Index::default();
    for name in ["b", "c", "a"] {
        index.insert(&document(name, "same words"));
    }
    let names: Vec<_> = found(&index, "same").into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["a", "b", "c"]);
}

#[test]
fn hits_say_where_they_stand() {
    let text = format!(
        "{}\n\nthe needle\nis here\n\n{}",
        "hay ".repeat(299),
        "straw ".repeat(199)
    );
    let hits = index(&[&text]).search("needle", 1);
    assert_eq!(hits[0].place.to_string(), "3-4");
    assert_eq!(hits[0].text(), "the needle\nis here");
}

#[test]
fn what_is_taken_out_is_forgotten() {
    let mut changing = index(&TEXTS);
    let before = found(&changing, "cat dog howls");
    let words = changing.vocabulary.len();
    let other = document("other", "cat elephant");
    assert!(changing.insert(&other) && !changing.insert(&other));
    assert_ne!(found(&changing, "cat dog howls"), before);
    assert!(changing.remove(&other) && !changing.remove(&other));
    assert_eq!(found(&changing, "cat dog howls"), before);
    assert_eq!(
        (changing.vocabulary.len(), found(&changing, "elephant").len()),
        (words, 0)
    );

    changing.update(&[]);
    assert_eq!(
        (changing.len(), changing.text_bytes(), changing.passages()),
        (0, 0, 0)
    );
    assert!(changing.is_empty() && changing.vocabulary.is_empty());
}

#[test]
fn another_text_of_the_same_name_replaces_it() {
    let mut index = index(&["old words"]);
    index.update(&[document("n0", "new words")]);
    assert_eq!(
        (
            index.len(),
            found(&index, "old").len(),
            found(&index, "new").len()
        ),
        (1, 0, 1)
    );
}

mod properties {
    use proptest::prelude::*;

    use super::*;

    fn words() -> impl Strategy<Value = String> {
        proptest::collection::vec("[a-f]{1,2}|图片|模型", 1..12).prop_map(|words| words.join(" "))
    }

    proptest! {
        #[test]
        fn order_of_documents_does_not_matter(texts in proptest::collection::vec(words(), 1..12), question in words(), seed in any::<u64>()) {
            let documents: Vec<_> = texts.iter().enumerate().map(|(at, text)| document(&format!("n{at}"), text)).collect();
            let mut mixed = documents.clone();
            mixed.rotate_left((seed % texts.len() as u64) as usize);
            let (mut one, mut other) = (Index::default(), Index::default());
            one.update(&documents);
            // Coming and going leaves no trace either.
            other.update(&mixed[..mixed.len() / 2]);
            other.update(&[document("gone", "a b c 图片")]);
            other.update(&mixed);
            prop_assert_eq!(one.search(&question, 5), other.search(&question, 5));
        }

        #[test]
        fn what_has_the_term_comes_before_what_has_not(texts in proptest::collection::vec(words(), 1..12)) {
            let mut texts = texts;
            texts.push("needle a b".to_owned());
            let texts: Vec<_> = texts.iter().map(String::as_str).collect();
            let hits = found(&index(&texts), "needle");
            prop_assert_eq!(hits.len(), 1);
            prop_assert_eq!(&hits[0].0, &format!("n{}", texts.len() - 1));
        }

        #[test]
        fn more_of_the_term_in_the_same_length_scores_more(rest in 2_usize..20, times in 1_usize..10) {
            let text = |needles: usize| format!("{}{}", "needle ".repeat(needles), "hay ".repeat(rest + 10 - needles));
            let hits = found(&index(&[&text(times), &text(times + 1), "straw"]), "needle");
            prop_assert_eq!(&hits[0].0, "n1");
            prop_assert!(hits[0].1 > hits[1].1);
        }

        #[test]
        fn fewer_are_the_first_of_more(texts in proptest::collection::vec(words(), 1..12), question in words()) {
            let texts: Vec<_> = texts.iter().map(String::as_str).collect();
            let index = index(&texts);
            let all = index.search(&question, 100);
            prop_assert!(all.windows(2).all(|pair| pair[0].score >= pair[1].score));
            prop_assert!(all.iter().all(|hit| hit.score > 0.0 && hit.score.is_finite()));
            prop_assert_eq!(index.search(&question, 3), all.iter().take(3).cloned().collect::<Vec<_>>());
        }
    }
}
