//! What the servers of the network say: for one prompt always the same text.

/// Words of answers. None begins with a part of itself twice ("eel", "mama"), and an answer uses
/// each at most once: where a text goes on after a cut is then never in doubt.
const WORDS: [&str; 40] = [
    "harbour",
    "lantern",
    "copper",
    "wind",
    "ticket",
    "母亲",
    "quiet",
    "orbit",
    "naïve",
    "purple",
    "fox",
    "grain",
    "juggle",
    "数据库",
    "velvet",
    "brick",
    "👨‍👩‍👧",
    "summit",
    "island",
    "market",
    "échelle",
    "jump",
    "zebra",
    "{\"key\"}",
    "kitchen",
    "\\path",
    "yellow",
    "模型",
    "object",
    "dragon",
    "window",
    "r2-d2",
    "lemon",
    "https://x.y",
    "thunder",
    "über",
    "🙂",
    "river",
    "nomad",
    "cloud",
];

/// Most words of an answer.
const MOST_WORDS: usize = 14;

/// The answer to a prompt. Servers of one `voice` give the same answer; another voice words it
/// differently.
///
/// ```
/// use modelpool_testkit::network::answer_to;
/// assert_eq!(answer_to("why?", 0), answer_to("why?", 0));
/// assert_ne!(answer_to("why?", 0), answer_to("why?", 1));
/// ```
#[must_use]
pub fn answer_to(prompt: &str, voice: u8) -> String {
    let mut random = fastrand::Rng::with_seed(hash(prompt.as_bytes()) ^ u64::from(voice) << 56);
    let mut words = WORDS;
    random.shuffle(&mut words);
    let count = random.usize(3..=MOST_WORDS);
    let mut text = words[0].to_owned();
    for word in &words[1..count] {
        text.push_str(match random.u8(0..10) {
            0 => ", ",
            1 => ".\n",
            _ => " ",
        });
        text.push_str(word);
    }
    text.push('.');
    text
}

/// FNV-1a, so that a seed means the same on every machine.
pub(super) fn hash(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}
