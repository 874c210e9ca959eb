use super::*;
use crate::context::SessionContext;
use crate::context::store::StoreError;

fn document(name: &str, text: &str, note: bool) -> super::super::Document {
    super::super::Document {
        name: name.to_owned(),
        text: text.to_owned(),
        note,
    }
}

fn session() -> SessionContext {
    SessionContext {
        session_id: Some("s".to_owned()),
        history: vec![Message::user("hello"), Message::assistant("good day")],
        documents: vec![
            document(
                "pool.md",
                "A pool holds models.\n\nEach model has an alias.",
                false,
            ),
            document("todo", "Ask about the alias of the pool.", true),
            document("garden.md", "Tulips are red.", false),
        ],
        ..SessionContext::default()
    }
}

#[derive(Debug)]
struct Shelf {
    hits: Result<Vec<StoreHit>, StoreError>,
    answers: bool,
}

impl Shelf {
    fn of(hits: &[(&str, f64)]) -> Arc<dyn ContextStore> {
        let hit = |(name, score): &(&str, f64)| StoreHit {
            name: (*name).to_owned(),
            text: format!("text of {name}"),
            score: *score,
        };
        Arc::new(Self {
            hits: Ok(hits.iter().map(hit).collect()),
            answers: true,
        })
    }

    fn broken() -> Arc<dyn ContextStore> {
        Arc::new(Self {
            hits: Err(StoreError("connection refused".to_owned())),
            answers: true,
        })
    }

    fn silent() -> Arc<dyn ContextStore> {
        Arc::new(Self {
            hits: Ok(Vec::new()),
            answers: false,
        })
    }
}

impl ContextStore for Shelf {
    fn name(&self) -> &str {
        "shelf"
    }

    fn search<'a>(&'a self, _: &'a str, _: usize) -> BoxFuture<'a, Result<Vec<StoreHit>, StoreError>> {
        Box::pin(async {
            if !self.answers {
                std::future::pending::<()>().await;
            }
            self.hits.clone()
        })
    }
}

async fn retrieve(
    engine: &dyn ContextEngine,
    question: &str,
    session: &SessionContext,
) -> Result<Retrieved, PhaseError> {
    engine
        .retrieve(Query::new(&Message::user(question), session))
        .await
}

fn sources(found: &Retrieved) -> Vec<Source> {
    found.items.iter().map(|item| item.source.clone()).collect()
}

#[tokio::test]
async fn the_history_comes_whole_then_what_was_found_best_first() {
    let engine = SearchEngine::default();
    let found = retrieve(&engine, "Which alias?", &session())
        .await
        .expect("found");
    assert_eq!(
        sources(&found),
        [
            Source::History(0),
            Source::History(1),
            Source::Note("todo".to_owned()),
            Source::Document("pool.md".to_owned())
        ]
    );
    assert_eq!((found.items[0].score, found.items[2].score), (0.0, 1.0));
    assert!(found.items[3].score > 0.0 && found.items[3].score < 1.0);
    assert_eq!(
        found.items[3].place.as_ref().map(ToString::to_string),
        Some("1-3".to_owned())
    );
    assert_eq!(
        found.tokens,
        found.items.iter().map(|item| item.tokens).sum::<u64>()
    );
    assert!(found.items.iter().all(|item| item.tokens > 0));
    assert_eq!(found.characters, 5 + 8 + 32 + 46);
}

#[tokio::test]
async fn limits_are_kept() {
    let limits = SearchLimits {
        most_passages: 1,
        ..SearchLimits::default()
    };
    let found = retrieve(
        &SearchEngine::default().limits(limits),
        "Which alias?",
        &session(),
    )
    .await
    .expect("found");
    assert_eq!(found.items.len(), 3);
    let limits = SearchLimits {
        min_score: 100.0,
        ..limits
    };
    let found = retrieve(
        &SearchEngine::default().limits(limits),
        "Which alias?",
        &session(),
    )
    .await
    .expect("found");
    assert_eq!(found.items.len(), 2);
}

#[tokio::test]
async fn an_index_is_kept_for_the_next_turn_and_follows_the_documents() {
    let engine = SearchEngine::default();
    let mut session = session();
    let _ = retrieve(&engine, "alias", &session).await.expect("found");
    assert_eq!(engine.kept.lock().expect("not poisoned")[0].1.len(), 3);
    session.documents[0].text = "Nothing of the kind.".to_owned();
    session.documents.remove(1);
    let found = retrieve(&engine, "alias", &session).await.expect("found");
    assert_eq!(found.items.len(), 2);
    let kept = engine.kept.lock().expect("not poisoned");
    assert_eq!((kept.len(), kept[0].1.len()), (1, 2));
}

#[tokio::test]
async fn what_is_kept_is_bounded() {
    let limits = SearchLimits {
        most_kept_bytes: 250,
        ..SearchLimits::default()
    };
    let engine = SearchEngine::default().limits(limits);
    for number in 0..5 {
        let session = SessionContext {
            session_id: Some(number.to_string()),
            ..session()
        };
        let _ = retrieve(&engine, "alias", &session).await.expect("found");
    }
    let sessions = |engine: &SearchEngine| {
        let kept = engine.kept.lock().expect("not poisoned");
        kept.iter().filter_map(|(of, _)| of.clone()).collect::<Vec<_>>()
    };
    assert_eq!(sessions(&engine), ["4", "3"]);
    let mut large = session();
    large
        .documents
        .push(document("large", &"word ".repeat(100), false));
    let found = retrieve(&engine, "alias", &large).await.expect("found");
    assert_eq!((found.items.len(), sessions(&engine).len()), (4, 0));
}

#[tokio::test]
async fn stores_count_by_their_own_measure() {
    let engine = SearchEngine::default().store(Shelf::of(&[
        ("a", 40.0),
        ("b", 10.0),
        ("c", f64::NAN),
        ("d", -1.0),
    ]));
    let found = retrieve(&engine, "Which alias?", &session())
        .await
        .expect("found");
    let of_store = |name: &str| {
        found
            .items
            .iter()
            .find(|item| item.source == Source::Store(name.to_owned()))
    };
    assert_eq!(of_store("a").map(|item| item.score), Some(1.0));
    assert_eq!(of_store("b").map(|item| item.score), Some(0.25));
    assert!(of_store("c").is_none() && of_store("d").is_none());
    let scores: Vec<_> = found.items[2..].iter().map(|item| item.score).collect();
    assert!(scores.is_sorted_by(|a, b| a >= b), "{scores:?}");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_fails_says_why_or_is_gone_on_without() {
    for (store, words) in [
        (Shelf::broken(), "store `shelf`: connection refused"),
        (Shelf::silent(), "store `shelf`: no answer within 10000 ms"),
    ] {
        let error = retrieve(
            &SearchEngine::default().store(Arc::clone(&store)),
            "alias",
            &session(),
        )
        .await;
        assert_eq!(error.map_err(|error| error.message), Err(words.to_owned()));
        let engine = SearchEngine::default()
            .optional_store(store)
            .store(Shelf::of(&[("a", 1.0)]));
        let found = retrieve(&engine, "alias", &session()).await.expect("the rest");
        assert_eq!(
            (
                found.failed.len(),
                found.failed[0].phase,
                found.failed[0].message.as_str()
            ),
            (1, "retrieve", words)
        );
        assert_eq!(found.items.len(), 5);
    }
}

#[tokio::test]
async fn engines_are_joined() {
    let one = Arc::new(SearchEngine::default());
    let other = Arc::new(SearchEngine::default().store(Shelf::of(&[("a", 7.0)])));
    let broken = Arc::new(SearchEngine::default().store(Shelf::broken()));
    let joined = JoinedEngines::default()
        .engine(one)
        .engine(other)
        .optional_engine(broken.clone());
    let found = retrieve(&joined, "alias", &session()).await.expect("found");
    let history = found
        .items
        .iter()
        .filter(|item| matches!(item.source, Source::History(_)));
    assert_eq!(
        (history.count(), found.items.len(), found.failed.len()),
        (2, 2 + 2 + 3, 1)
    );
    assert!(
        retrieve(&joined.engine(broken), "alias", &session())
            .await
            .is_err()
    );
}

#[tokio::test]
async fn another_models_tokens_are_other_tokens() {
    let tokenizers = Arc::new(Tokenizers::default());
    for _ in 0..20 {
        let counted = tokenizers.of(Some("wordy")).text(&"text".repeat(100));
        tokenizers.learn("wordy", counted, 200);
    }
    let engine = SearchEngine::new(tokenizers);
    let (message, session) = (Message::user("alias"), session());
    let query = Query::new(&message, &session);
    let plain = engine.retrieve(query).await.expect("found").tokens;
    let wordy = engine
        .retrieve(query.answered_by("wordy"))
        .await
        .expect("found")
        .tokens;
    assert!(wordy as f64 > 1.5 * plain as f64, "{wordy} against {plain}");
}
