//! What the callers ask: bodies that are rendered once, and drawn from a seed.

use std::time::Duration;

use bytes::Bytes;
use serde_json::json;

/// The pool that the default selector ranks.
pub(super) const ANY_MODEL: &str = "auto";

/// The pool that prefers its first model.
pub(super) const ORDERED_POOL: &str = "ordered";

/// The deadline that every request sets.
pub(super) const DEADLINE: Duration = Duration::from_secs(8);

/// How much later than at its deadline an answer may have ended.
pub(super) const GRACE: Duration = Duration::from_secs(1);

/// The texts to embed.
pub(super) const EMBEDDED: [&str; 2] = ["a pool of language models", "一个语言模型池"];

/// The size of a large conversation, in bytes.
const LARGE_BYTES: usize = 200_000;

/// One in so many requests is large.
const LARGE_ONE_IN: u32 = 10;

/// One in so many callers does not wait for the end.
const LEAVES_ONE_IN: u32 = 33;

/// The longest such a caller waits. Answers take about as long.
const LEAVES_WITHIN: Duration = Duration::from_millis(300);

/// What kind of answer is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    /// A chat answered as a stream.
    Stream,
    /// A chat answered at once.
    Plain,
    /// Embeddings.
    Embeddings,
}

impl Kind {
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::Stream | Self::Plain => "/v1/chat/completions",
            Self::Embeddings => "/v1/embeddings",
        }
    }
}

/// One request.
#[derive(Debug, Clone)]
pub(super) struct Asked {
    pub(super) kind: Kind,
    pub(super) body: Bytes,
    /// When the caller goes away, if it does.
    pub(super) leaves_after: Option<Duration>,
}

impl Asked {
    /// A small chat that is waited for.
    pub(super) fn chat(kind: Kind, model: &str) -> Self {
        Self {
            kind,
            body: chat_body(kind, model, "What does a pool do when one of its models fails?"),
            leaves_after: None,
        }
    }
}

fn chat_body(kind: Kind, model: &str, question: &str) -> Bytes {
    let body = json!({
        "messages": [{"role": "user", "content": question}],
        "model": model,
        "stream": kind == Kind::Stream,
        "modelpool": {"deadline_ms": DEADLINE.as_millis() as u64},
    });
    Bytes::from(body.to_string())
}

/// The mixture that callers draw from: 70 % streams, 25 % plain answers, 5 % embeddings.
#[derive(Debug)]
pub(super) struct Mixture {
    /// By model, small and large.
    streams: Vec<[Bytes; 2]>,
    plain: Vec<[Bytes; 2]>,
    embeddings: Bytes,
}

impl Mixture {
    /// Chats for the pools and for the model `named`, embeddings for the model `embedder`.
    pub(super) fn new(named: &str, embedder: &str) -> Self {
        let sentence = "One of many sentences of a conversation that went on for long.\n";
        let long = sentence.repeat(LARGE_BYTES / sentence.len() + 1);
        let of = |kind| {
            // Most callers leave the choice to the pool.
            [ANY_MODEL, ANY_MODEL, ORDERED_POOL, named]
                .map(|model| [sentence, &long].map(|question| chat_body(kind, model, question)))
                .to_vec()
        };
        let embeddings = json!({
            "input": EMBEDDED, "model": embedder, "modelpool": {"deadline_ms": DEADLINE.as_millis() as u64},
        });
        Self {
            streams: of(Kind::Stream),
            plain: of(Kind::Plain),
            embeddings: Bytes::from(embeddings.to_string()),
        }
    }

    /// The next request of a caller.
    pub(super) fn draw(&self, random: &mut fastrand::Rng) -> Asked {
        let kind = match random.u32(0..100) {
            0..70 => Kind::Stream,
            70..95 => Kind::Plain,
            _ => Kind::Embeddings,
        };
        let large = usize::from(random.u32(0..LARGE_ONE_IN) == 0);
        let mut chat = |bodies: &[[Bytes; 2]]| {
            random
                .choice(bodies)
                .map_or_else(Bytes::new, |of| of[large].clone())
        };
        let body = match kind {
            Kind::Stream => chat(&self.streams),
            Kind::Plain => chat(&self.plain),
            Kind::Embeddings => self.embeddings.clone(),
        };
        let leaves = random.u32(0..LEAVES_ONE_IN) == 0;
        Asked {
            kind,
            body,
            leaves_after: leaves.then(|| LEAVES_WITHIN.mul_f64(random.f64())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mixture_has_the_shares_it_promises() {
        let mixture = Mixture::new("alpha", "gamma");
        let mut random = fastrand::Rng::with_seed(1);
        let drawn: Vec<Asked> = (0..20_000).map(|_| mixture.draw(&mut random)).collect();
        let percent = |wanted: &dyn Fn(&&Asked) -> bool| drawn.iter().filter(wanted).count() / 200;
        assert!((68..=72).contains(&percent(&|asked| asked.kind == Kind::Stream)));
        assert!((4..=6).contains(&percent(&|asked| asked.kind == Kind::Embeddings)));
        assert!((8..=11).contains(&percent(&|asked| asked.body.len() > LARGE_BYTES)));
        assert!((2..=4).contains(&percent(&|asked| asked.leaves_after.is_some())));
        assert!(drawn.iter().all(|asked| !asked.body.is_empty()));
    }

    #[test]
    fn the_same_seed_asks_the_same() {
        let mixture = Mixture::new("alpha", "gamma");
        let bodies = |seed| {
            let mut random = fastrand::Rng::with_seed(seed);
            (0..50)
                .map(|_| mixture.draw(&mut random).body)
                .collect::<Vec<_>>()
        };
        assert_eq!(bodies(5), bodies(5));
        assert_ne!(bodies(5), bodies(6));
    }
}
