//! A plain question is answered: the text, why it ends, what was used, who answered.

use modelpool_testkit::wires::{Deed, Finish, Said, Wire};

use crate::common::UPSTREAM_KEY;
use crate::dialect::Dialect;
use crate::house::{Pairs, each_pair};
use crate::reading::{self, End, Told};
use modelpool::OnLoss;

/// What answers, as far as the wire says it.
pub(crate) fn model_of(wire: Wire) -> &'static str {
    match wire {
        Wire::Bedrock | Wire::Cohere => wire.model_name(),
        _ => "served-model",
    }
}

#[tokio::test]
async fn a_plain_answer_is_told_in_the_dialect() {
    each_pair(answered).await;
}

async fn answered(dialect: Dialect, wire: Wire) {
    let alias = wire.provider();
    let pairs = Pairs::of(&[wire], OnLoss::Error).await;
    for (finish, end) in [(Finish::Stop, End::Stop), (Finish::Length, End::Length)] {
        pairs
            .upstream(alias)
            .next(Deed::says(Said::default().ending(Some(finish))));
        let answer = pairs.ask(dialect, alias, false, &dialect.question()).await;
        assert_eq!(answer.status, 200, "{answer:?}");
        let told = reading::whole(dialect, &answer.json());
        let expected = Told {
            text: "The quick brown fox jumps.".to_owned(),
            end: Some(end),
            usage: Some((11, 7)),
            model: model_of(wire).to_owned(),
            ..Told::default()
        };
        assert_eq!(told, expected, "{}", answer.text());
        assert_eq!(answer.header("content-type"), Some("application/json"));
        assert_eq!(answer.header("x-modelpool-model"), Some(alias));
        assert_eq!(answer.header("x-modelpool-attempts"), Some("1"));
        assert!(answer.header("x-modelpool-request-id").is_some());
        assert_eq!(answer.header("x-modelpool-dropped"), None);
    }
    let asked = pairs.upstream(alias).last_asked().unwrap();
    let shown = asked.headers.values().filter_map(|value| value.to_str().ok());
    assert!(
        shown.into_iter().any(|value| value.contains(UPSTREAM_KEY)),
        "the model's key is shown"
    );
    assert!(
        asked.body.to_string().contains("Which animal jumps?"),
        "{}",
        asked.body
    );
}
