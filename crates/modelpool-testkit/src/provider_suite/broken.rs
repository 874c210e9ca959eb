//! What is no answer, or half of one, is an error and never looks complete.

use modelpool_core::{Error, ErrorKind, Verdict};

use super::read::{self, Told};
use super::{Put, Subject, Trial, plain};
use crate::simulator::Fault;

/// More than any answer, and more than may be held in memory.
const WITHOUT_END: u64 = 1 << 32;

/// What of it may be read before the call is given up.
const ENOUGH: u64 = 256 << 20;

pub(super) async fn whole(subject: &dyn Subject) -> Put {
    for fault in [
        Fault::Html,
        Fault::EmptyBody,
        Fault::InvalidUtf8,
        truncated(true),
        truncated(false),
        Fault::CutAfterBytes {
            bytes: 20,
            reset: true,
        },
    ] {
        let trial = Trial::with(subject, fault.clone()).await;
        let broken = trial.call(plain(subject, false)?).await.expect_err("no answer");
        assert_eq!(*broken.kind(), ErrorKind::Protocol, "{fault:?}: {broken}");
    }
    Some(())
}

fn truncated(honest_length: bool) -> Fault {
    Fault::TruncatedJson {
        keep_bytes: None,
        honest_length,
    }
}

/// How a stream failed, at its head or later; what came before must not say that it is complete.
async fn failure_of(trial: &Trial, subject: &dyn Subject) -> Option<(Told, Option<Error>)> {
    match trial.call(plain(subject, true)?).await {
        Err(error) => Some((Told::default(), Some(error))),
        Ok(reply) => {
            let mut told = Told::read(read::stream(reply)).await;
            let error = told.error.take().or_else(|| told.malformed());
            // What comes after a malformed event may end the answer properly.
            assert!(
                told.malformed().is_some() || told.finishes().is_empty(),
                "{told:?}"
            );
            Some((told, error))
        }
    }
}

pub(super) async fn streamed(subject: &dyn Subject) -> Put {
    for fault in [
        Fault::Html,
        Fault::InvalidUtf8,
        truncated(true),
        truncated(false),
        malformed(),
    ] {
        let trial = Trial::with(subject, fault.clone()).await;
        let (_, error) = failure_of(&trial, subject).await?;
        let error = error.unwrap_or_else(|| panic!("{fault:?} ends cleanly"));
        assert_eq!(error.verdict(), Verdict::FailOver, "{fault:?}: {error}");
    }
    // An event stream may be empty as far as HTTP goes; the engine misses the finish reason.
    let trial = Trial::with(subject, Fault::EmptyBody).await;
    let (told, _) = failure_of(&trial, subject).await?;
    assert!(told.text().is_empty());
    Some(())
}

fn malformed() -> Fault {
    Fault::MalformedAfterChunks {
        chunks: 3,
        data: None,
    }
}

pub(super) async fn without_end(subject: &dyn Subject) -> Put {
    for json in [false, true] {
        let fault = Fault::OversizedBody {
            bytes: WITHOUT_END,
            json,
        };
        let trial = Trial::with(subject, fault).await;
        let refused = trial
            .call(plain(subject, false)?)
            .await
            .expect_err("far too long");
        assert_eq!(*refused.kind(), ErrorKind::Protocol, "{refused}");
        if plain(subject, true).is_some() {
            let (_, error) = failure_of(&trial, subject).await?;
            assert!(error.is_some(), "an event without end ends cleanly");
        }
        trial.upstream.wait_until(|counts| counts.in_flight == 0).await;
        for record in trial.upstream.requests() {
            assert!(
                record.bytes_sent < ENOUGH,
                "{} bytes were read",
                record.bytes_sent
            );
        }
    }
    Some(())
}

pub(super) async fn lost(subject: &dyn Subject) -> Put {
    let cut = |reset| Fault::CutAfterChunks { chunks: 3, reset };
    let end = |done| Fault::EndAfterChunks { chunks: 3, done };
    for (fault, kind) in [
        (cut(false), Some(ErrorKind::StreamLost)),
        (cut(true), Some(ErrorKind::StreamLost)),
        // Ends that are orderly as far as HTTP goes: the engine misses the finish reason.
        (end(false), None),
        (end(true), None),
        (
            Fault::ErrorAfterChunks {
                chunks: 3,
                error: None,
            },
            Some(ErrorKind::Server),
        ),
    ] {
        let trial = Trial::with(subject, fault.clone()).await;
        let (told, error) = failure_of(&trial, subject).await?;
        assert_eq!(
            error.as_ref().map(Error::kind),
            kind.as_ref(),
            "{fault:?}: {error:?}"
        );
        let text = told.text();
        let complete = "One two three four five.";
        // A reset may overtake what was sent before it.
        let arrived = matches!(fault, Fault::CutAfterChunks { reset: true, .. }) || !text.is_empty();
        assert!(
            arrived && text.len() < complete.len() && complete.starts_with(&text),
            "{fault:?}: {text}"
        );
    }
    Some(())
}
