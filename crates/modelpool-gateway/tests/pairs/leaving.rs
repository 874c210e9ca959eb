//! A caller who leaves ends the upstream's call.

use std::time::Duration;

use modelpool::OnLoss;
use modelpool_testkit::wires::{Deed, Fault, Wire};
use tokio::time::timeout;

use crate::dialect::Dialect;
use crate::house::{Pairs, each_pair};

#[tokio::test]
async fn a_caller_who_leaves_ends_the_call() {
    each_pair(left).await;
}

async fn left(dialect: Dialect, wire: Wire) {
    let alias = wire.provider();
    let pairs = Pairs::of(&[wire], OnLoss::Error).await;
    let upstream = pairs.upstream(alias);
    upstream.next(Deed::fails(Fault::StallAfter { pieces: 1 }));
    let mut answer = pairs.open(dialect, alias, true, &dialect.question()).await;
    while !answer.part().await.expect("a first word").contains("quick") {}
    drop(answer);
    gone(&pairs, alias, 1).await;

    for (stream, callers) in [(false, 2), (true, 3)] {
        upstream.forget();
        upstream.next(Deed::fails(Fault::StallBeforeHead));
        let question = dialect.question();
        tokio::select! {
            _ = pairs.open(dialect, alias, stream, &question) => panic!("an upstream that stalls answered"),
            () = upstream.was_asked() => {}
        }
        gone(&pairs, alias, callers).await;
    }
}

async fn gone(pairs: &Pairs, alias: &str, callers: u64) {
    let left = pairs.upstream(alias).left_by(callers);
    timeout(Duration::from_secs(5), left)
        .await
        .expect("the upstream's call goes on");
}
