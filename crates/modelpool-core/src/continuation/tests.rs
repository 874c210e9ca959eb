use proptest::prelude::*;

use super::*;

/// All that is given of a new stream that comes in these pieces.
fn joined<'a>(
    way: Way,
    delivered: &str,
    pieces: impl IntoIterator<Item = &'a str>,
) -> Result<String, Diverged> {
    let lost = Continuation {
        delivered: delivered.into(),
        way,
    };
    let mut joiner = lost.joiner();
    let mut given = String::new();
    for piece in pieces {
        given.push_str(&joiner.push(piece)?);
    }
    given.push_str(&joiner.finish()?);
    Ok(given)
}

/// The characters of a text, one by one.
fn one_by_one(text: &str) -> impl Iterator<Item = &str> {
    text.char_indices()
        .map(|(at, character)| &text[at..at + character.len_utf8()])
}

#[test]
fn what_is_delivered_does_not_come_twice() {
    const BOTH: [Way; 2] = [Way::Prefill, Way::AskToGoOn];
    const FOX: &str = "The quick brown fox jumps over";
    const CODE: &str = "def add(a, b):\n    total = a + b\n   ";
    const FAMILY: &str = "A family: 👨\u{200d}👩\u{200d}👧, all of them";
    for (ways, delivered, new, given) in [
        // It goes on.
        (&BOTH[..], FOX, " the lazy dog", " the lazy dog"),
        (&BOTH, "The qu", "ick fox", "ick fox"),
        (&BOTH, "", " anything", " anything"),
        (&BOTH, FOX, "", ""),
        // White space at the joint comes once.
        (&BOTH, "The quick ", " brown", "brown"),
        (&BOTH, "The quick ", "brown", "brown"),
        (&BOTH, "Title\n\n", "\n\nText", "Text"),
        (&BOTH, " \n", " \nText", "Text"),
        (&BOTH, CODE, "\n    return total", " return total"),
        // It repeats the word the text broke off in.
        (&BOTH, "The quick bro", "brown fox", "wn fox"),
        (&BOTH, "Привет, мой дру", "друг!", "г!"),
        (&BOTH, "The quick bro", " brown fox", " brown fox"),
        // It repeats an end of the text.
        (&BOTH, FOX, "brown fox jumps over the dog", " the dog"),
        (&BOTH, FOX, "\n\nbrown fox jumps over the dog", " the dog"),
        (
            &BOTH,
            "A fox jumps over it. ",
            "fox jumps over it. And on.",
            "And on.",
        ),
        (
            &BOTH,
            "one two three four five\n",
            "two three four five six",
            " six",
        ),
        (
            &BOTH,
            "敏捷的棕色狐狸跳过了那只懒惰的狗,然后它",
            "色狐狸跳过了那只懒惰的狗,然后它跑了",
            "跑了",
        ),
        (
            &BOTH,
            FAMILY,
            "👨\u{200d}👩\u{200d}👧, all of them, sleep",
            ", sleep",
        ),
        (
            &BOTH,
            "Le petit café de la gare",
            "petit café de la gare\u{301}",
            "\u{301}",
        ),
        // It begins anew.
        (
            &BOTH,
            FOX,
            "The quick brown fox jumps over the lazy dog",
            " the lazy dog",
        ),
        (&BOTH, "\n\nSure!", "Sure! Here", " Here"),
        (&BOTH, "1. a\n2. b", "1. a\n2. b\n3. c", "\n3. c"),
        (&BOTH, FOX, FOX, ""),
        (&BOTH, "I", "I think", " think"),
        // It repeats the words it was asked for, or the last of them.
        (&[Way::AskToGoOn], FOX, "over the lazy dog", " the lazy dog"),
        (&[Way::AskToGoOn], "1. one\n2. two\n3", "3. three", ". three"),
        (
            &[Way::AskToGoOn],
            "你好,我是你的助手,很高兴认识你们大家",
            "我是你的助手,很高兴认识你们大家。",
            "。",
        ),
        // It does not repeat, though it looks like it.
        (&BOTH, "ha ha ha", " ha ha", " ha ha"),
        (&BOTH, "谢谢你,谢", "谢大家", "谢大家"),
        (&BOTH, "1. one\n2. two\n", "3. three", "3. three"),
        (&BOTH, "x = 0xfa", "fb", "fb"),
        (&BOTH, FOX, "The quick cat", "The quick cat"),
        (&BOTH, FOX, "brown fox jumps under it", "brown fox jumps under it"),
    ] {
        for way in ways {
            for (pieces, name) in [(vec![new], "whole"), (one_by_one(new).collect(), "one by one")] {
                assert_eq!(
                    joined(*way, delivered, pieces).as_deref(),
                    Ok(given),
                    "{way:?}, {name}: {delivered:?} {new:?}"
                );
            }
        }
    }
}

#[test]
fn the_longest_repetition_counts() {
    let delivered = "ha ha ha ha ha ha ha ha";
    assert_eq!(
        joined(Way::Prefill, delivered, ["ha ha ha ha ha ha ha", " ho"]).as_deref(),
        Ok(" ho")
    );
    assert_eq!(
        joined(Way::Prefill, delivered, ["ha ha ha ha ha ha ha ha", " ha!"]).as_deref(),
        Ok(" ha!")
    );
}

#[test]
fn a_restart_gives_nothing_before_all_was_reproduced() {
    let lost = Continuation {
        delivered: "One two three ".into(),
        way: Way::Restart,
    };
    let mut joiner = lost.joiner();
    for (piece, given) in [
        ("\nOne ", ""),
        ("two", ""),
        (" three", ""),
        (" ", ""),
        ("four", "four"),
        (" five", " five"),
    ] {
        assert_eq!(joiner.push(piece).unwrap(), given, "{piece:?}");
    }
    assert!(joiner.is_flowing());
    assert_eq!(joiner.finish().unwrap(), "");
}

#[test]
fn an_answer_begun_anew_and_differently_is_an_error() {
    for (way, delivered, new, at) in [
        (Way::Restart, "One two three", "One 2 three", 4),
        (Way::Restart, "Ein großer Hund", "Ein große Hunde", 10),
        (Way::Restart, "One two three", "One two", 7),
        (Way::Restart, "One two three", "", 0),
        (
            Way::AskToGoOn,
            "The quick brown fox jumps",
            "The quick brown dog jumps",
            16,
        ),
        (
            Way::Prefill,
            "The quick brown fox jumps",
            "The quick brown fo",
            18,
        ),
    ] {
        let diverged = Err(Diverged { at });
        assert_eq!(joined(way, delivered, [new]), diverged, "{delivered:?} {new:?}");
        assert_eq!(joined(way, delivered, one_by_one(new)), diverged, "{delivered:?}");
    }
}

#[test]
fn a_model_that_goes_on_is_held_back_for_a_few_characters_only() {
    let delivered = "The pool filters its snapshot by the requirements, a selector ranks what passed, and a \
                     provider makes the call. This crate holds those words and the logic between them, and "
        .repeat(30);
    for new in [
        "nothing that waits",
        " the time is read from a clock",
        "\n\nAnother paragraph",
    ] {
        let mut joiner = Joiner::new(delivered.as_str().into(), Way::AskToGoOn);
        let held = one_by_one(new).take_while(|piece| joiner.push(piece).unwrap().is_empty());
        assert!(held.count() <= 12, "{new}");
        assert!(joiner.is_flowing());
    }
}

#[test]
fn much_of_the_same_takes_no_long() {
    let delivered = "a".repeat(MAX_DELIVERED_BYTES);
    for way in [Way::Prefill, Way::AskToGoOn, Way::Restart] {
        let new = [delivered.as_str(), "b"].concat();
        let pieces = (0..new.len())
            .step_by(64)
            .map(|at| &new[at..new.len().min(at + 64)]);
        assert_eq!(joined(way, &delivered, pieces).as_deref(), Ok("b"));
    }
}

#[test]
fn the_user_turn_ends_with_words_that_cannot_be_mistaken() {
    let turn = |delivered: &str| {
        let lost = Continuation {
            delivered: delivered.into(),
            way: Way::AskToGoOn,
        };
        let turn = lost.user_turn();
        turn.split_once("\n\n").unwrap().1.to_owned()
    };
    assert_eq!(turn("The quick brown fox jumps over\n"), "brown fox jumps over");
    assert_eq!(turn(" short"), "short");
    let unspaced = "图".repeat(500);
    assert_eq!(turn(&unspaced), "图".repeat(16));
}

#[test]
fn only_one_plain_text_can_be_continued() {
    let facts = RequestFacts {
        stream: true,
        choices: 1,
        ..RequestFacts::default()
    };
    assert_eq!(may_continue(&facts, MAX_DELIVERED_BYTES), Ok(()));
    assert!(may_continue(&facts, MAX_DELIVERED_BYTES + 1).is_err());
    let changes: [fn(&mut RequestFacts); 7] = [
        |facts| facts.stream = false,
        |facts| facts.operation = Operation::Images,
        |facts| facts.choices = 2,
        |facts| facts.logprobs = true,
        |facts| facts.json_mode = true,
        |facts| facts.json_schema = true,
        |facts| facts.output_format = true,
    ];
    for change in changes {
        let mut facts = facts.clone();
        change(&mut facts);
        assert!(may_continue(&facts, 0).is_err(), "{facts:?}");
    }
}

/// A text whose words are all different, so that nothing in it repeats by itself.
fn text() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "a",
        "ab",
        "quick",
        "图片",
        "été",
        "e\u{301}",
        "👨\u{200d}👩\u{200d}👧",
        "-",
        "fn",
        "Приве́т",
    ]);
    let space = prop::sample::select(vec![" ", "\n", "\n\n", "\n    ", ", ", "。", "\u{3000}", "  "]);
    prop::collection::vec((word, space), 1..40).prop_map(|words| {
        let numbered = words.iter().enumerate();
        numbered
            .map(|(number, (word, space))| format!("{word}{number}{space}"))
            .collect()
    })
}

/// The place of a cut between two characters.
fn cut(text: &str, at: prop::sample::Index) -> usize {
    let borders: Vec<usize> = text
        .char_indices()
        .map(|(at, _)| at)
        .chain([text.len()])
        .collect();
    borders[at.index(borders.len())]
}

fn pieces<'a>(text: &'a str, cuts: &[prop::sample::Index]) -> Vec<&'a str> {
    let mut borders: Vec<usize> = cuts
        .iter()
        .map(|at| cut(text, *at))
        .chain([0, text.len()])
        .collect();
    borders.sort_unstable();
    borders.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

fn cuts() -> impl Strategy<Value = Vec<prop::sample::Index>> {
    prop::collection::vec(any::<prop::sample::Index>(), 0..30)
}

fn any_way() -> impl Strategy<Value = Way> {
    prop::sample::select(vec![Way::Prefill, Way::AskToGoOn, Way::Restart])
}

proptest! {
    /// A model that goes on from what it was sent, from some place before that, or from the
    /// beginning: the caller reads the original.
    #[test]
    fn the_caller_reads_the_original(
        original in text(),
        lost_at in any::<prop::sample::Index>(),
        goes_on_at in any::<prop::sample::Index>(),
        way in any_way(),
        space in prop::sample::select(vec!["", " ", "\n"]),
        cuts in cuts(),
    ) {
        let delivered = &original[..cut(&original, lost_at)];
        let sent = delivered.trim_end();
        let new = |from: usize| [space, &original[from..]].concat();
        let mut goes_on = Vec::new();
        if way != Way::Restart {
            goes_on.push(original[sent.len()..].to_owned());
            let overlap = cut(sent, goes_on_at);
            if sent[overlap..].trim_start().chars().count() >= 16 {
                goes_on.push(new(overlap));
            }
        }
        goes_on.push(if delivered.is_empty() { original.clone() } else { new(0) });
        for new in goes_on {
            let given = joined(way, delivered, pieces(&new, &cuts)).map(|given| [delivered, &given].concat());
            prop_assert_eq!(given.as_deref(), Ok(original.as_str()), "{:?} {:?}", delivered, new);
        }
    }

    /// Whatever comes, only a beginning of it is dropped, and how it is cut changes nothing.
    #[test]
    fn only_a_beginning_is_dropped(
        delivered in "[ab \n图é]{0,60}",
        repeated in any::<prop::sample::Index>(),
        rest in "[ab \n图é]{0,60}",
        way in any_way(),
        cuts in cuts(),
    ) {
        let new = [&delivered[cut(&delivered, repeated)..], &rest].concat();
        let whole = joined(way, &delivered, [new.as_str()]);
        if let Ok(given) = &whole {
            prop_assert!(new.ends_with(given.as_str()));
        }
        prop_assert_eq!(&joined(way, &delivered, pieces(&new, &cuts)), &whole);
        prop_assert_eq!(&joined(way, &delivered, one_by_one(&new)), &whole);
    }

    #[test]
    fn any_texts_are_taken(delivered in any::<String>(), pieces in prop::collection::vec(any::<String>(), 0..6), way in any_way()) {
        let _ = joined(way, &delivered, pieces.iter().map(String::as_str));
        let lost = Continuation { delivered: delivered.as_str().into(), way };
        prop_assert!(delivered.starts_with(lost.sent_text()));
        prop_assert!(lost.user_turn().len() < 1024);
    }
}
