//! What was read from a request, in words that belong to no wire protocol.

use serde::Serialize;

/// What is asked of a model.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Operation {
    /// A turn of a conversation.
    #[default]
    Chat,
    /// Vectors for texts.
    Embeddings,
    /// Pictures from a text.
    Images,
    /// Text that goes on from a prompt: OpenAI's older form of a chat.
    Completions,
    /// Whether texts or pictures are harmful.
    Moderations,
    /// The order of documents by what they say about a question.
    Rerank,
    /// The text of a recording.
    Transcriptions,
    /// The text of a recording, in English.
    Translations,
    /// A recording of a text.
    Speech,
    /// Changed pictures.
    ImageEdits,
    /// Pictures like a picture.
    ImageVariations,
}

impl Operation {
    /// All of them.
    pub const ALL: [Operation; 11] = [
        Operation::Chat,
        Operation::Embeddings,
        Operation::Images,
        Operation::Completions,
        Operation::Moderations,
        Operation::Rerank,
        Operation::Transcriptions,
        Operation::Translations,
        Operation::Speech,
        Operation::ImageEdits,
        Operation::ImageVariations,
    ];

    /// The name in logs and expressions.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Operation::Chat => "chat",
            Operation::Embeddings => "embeddings",
            Operation::Images => "images",
            Operation::Completions => "completions",
            Operation::Moderations => "moderations",
            Operation::Rerank => "rerank",
            Operation::Transcriptions => "transcriptions",
            Operation::Translations => "translations",
            Operation::Speech => "speech",
            Operation::ImageEdits => "image_edits",
            Operation::ImageVariations => "image_variations",
        }
    }

    /// What a wire may lack, in words: `reranking`.
    #[must_use]
    pub const fn words(self) -> &'static str {
        match self {
            Operation::Rerank => "reranking",
            Operation::ImageEdits => "edits of images",
            Operation::ImageVariations => "variations of images",
            other => other.name(),
        }
    }

    /// Whether a request may come as a form (`multipart/form-data`).
    #[must_use]
    pub const fn takes_form(self) -> bool {
        matches!(
            self,
            Operation::Transcriptions
                | Operation::Translations
                | Operation::ImageEdits
                | Operation::ImageVariations
        )
    }

    /// Whether the answer is pictures.
    #[must_use]
    pub const fn makes_images(self) -> bool {
        matches!(
            self,
            Operation::Images | Operation::ImageEdits | Operation::ImageVariations
        )
    }

    /// Whether an answer is text of a language model, which may come word by word.
    #[must_use]
    pub const fn writes_text(self) -> bool {
        matches!(self, Operation::Chat | Operation::Completions)
    }
}

/// Facts of one request: what inference, selection and cost estimates look at.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct RequestFacts {
    /// What is asked for.
    pub operation: Operation,
    /// Whether the answer is streamed.
    pub stream: bool,
    /// Size of the body in bytes.
    pub body_bytes: usize,
    /// Characters of text in all messages.
    pub text_characters: u64,
    /// Estimated input tokens: text, tools, images.
    pub input_tokens: u64,
    /// Estimated tokens of the longest text, where each is read by itself: for vectors.
    pub longest_text_tokens: u64,
    /// Output tokens the caller asked for at most.
    pub output_tokens: Option<u64>,
    /// Number of messages.
    pub messages: u32,
    /// Tools the model may call.
    pub tools: u32,
    /// The caller said that tools may be called in parallel.
    pub parallel_tools: bool,
    /// Image parts.
    pub images: u32,
    /// Audio parts, or audio asked for in the answer.
    pub audio: u32,
    /// File parts (PDF documents).
    pub files: u32,
    /// There is a system (or developer) message.
    pub system_message: bool,
    /// JSON is asked for.
    pub json_mode: bool,
    /// JSON of a schema is asked for.
    pub json_schema: bool,
    /// A form of the answer other than plain text is asked for, JSON included.
    pub output_format: bool,
    /// Number of answers asked for.
    pub choices: u32,
    /// Log-probabilities are asked for.
    pub logprobs: bool,
    /// The last message ends in plain words that speak of a picture (图片, image, …).
    pub speaks_of_images: bool,
    /// The id of what the request goes on from: of the tool call whose result stands last, or of an answer that
    /// the vendor keeps. The model that gave it is the one that knows what it was about.
    pub goes_on_from: Option<Box<str>>,
}

/// Words for a picture, in Chinese and English. From the user's document (图片, image), and the
/// nearest relatives of both. English ones count as whole words only, so that "imagine" or
/// "photon" do not.
const PICTURE_WORDS_CHINESE: [&str; 8] = ["图片", "图像", "照片", "截图", "图中", "看图", "這張圖", "圖片"];
const PICTURE_WORDS_ENGLISH: [&str; 10] = [
    "image",
    "images",
    "picture",
    "pictures",
    "photo",
    "photos",
    "photograph",
    "photographs",
    "screenshot",
    "screenshots",
];

/// Whether a text speaks of a picture.
///
/// ```
/// use modelpool_core::facts::speaks_of_images;
/// assert!(speaks_of_images("请分析这张图片"));
/// assert!(speaks_of_images("What is in this Image?"));
/// assert!(!speaks_of_images("imagine a photon"));
/// ```
#[must_use]
pub fn speaks_of_images(text: &str) -> bool {
    PICTURE_WORDS_CHINESE.iter().any(|word| text.contains(word))
        || text
            .split(|character: char| !character.is_ascii_alphanumeric())
            .any(|word| {
                PICTURE_WORDS_ENGLISH
                    .iter()
                    .any(|known| word.eq_ignore_ascii_case(known))
            })
}

/// Characters of a text by the length of their UTF-8 form, which is what tokens are estimated from.
///
/// Counting classes of bytes is what the compiler turns into vector instructions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TextSize {
    /// Characters of one, two, three and four bytes.
    by_length: [u64; 4],
}

impl TextSize {
    /// Of a text.
    #[must_use]
    pub fn of(text: &str) -> Self {
        let bytes = text.as_bytes();
        if bytes.is_ascii() {
            return Self {
                by_length: [bytes.len() as u64, 0, 0, 0],
            };
        }
        let (mut two, mut three, mut four) = (0, 0, 0);
        // Counters of one byte are added many at a time, as long as they cannot overflow.
        for chunk in bytes.chunks(255) {
            let count = |test: fn(u8) -> bool| {
                let ones: u8 = chunk.iter().map(|byte| u8::from(test(*byte))).sum();
                u64::from(ones)
            };
            two += count(|byte| byte & 0xE0 == 0xC0);
            three += count(|byte| byte & 0xF0 == 0xE0);
            four += count(|byte| byte & 0xF8 == 0xF0);
        }
        let one = bytes.len() as u64 - 2 * two - 3 * three - 4 * four;
        Self {
            by_length: [one, two, three, four],
        }
    }

    /// Of a text as it stands between the quotes of a JSON string, where `\n` is one character
    /// and so is `\u56fe`. The text is not built.
    #[must_use]
    pub fn of_json_string(inner: &str) -> Self {
        let mut size = Self::of(inner);
        let mut rest = inner.as_bytes();
        while let Some(at) = memchr::memchr(b'\\', rest) {
            let escape = &rest[at..];
            let is_code = escape.get(1) == Some(&b'u');
            let length = if is_code { 6 } else { 2 }.min(escape.len());
            size.by_length[0] = size.by_length[0].saturating_sub(length as u64);
            let digits = escape.get(2..6).filter(|_| is_code);
            let code =
                digits.and_then(|digits| u32::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok());
            match code {
                None | Some(0..0x80) => size.by_length[0] += 1,
                Some(0x80..0x800) => size.by_length[1] += 1,
                // The first half of a pair stands for the character, the second for nothing.
                Some(0xD800..0xDC00) => size.by_length[3] += 1,
                Some(0xDC00..0xE000) => {}
                Some(_) => size.by_length[2] += 1,
            }
            rest = &escape[length..];
        }
        size
    }

    /// The same, where it is known how many escapes there are and that each is of two bytes, as that of a line
    /// end is.
    #[must_use]
    pub fn of_short_escapes(inner: &str, escapes: u64) -> Self {
        let mut size = Self::of(inner);
        size.by_length[0] = size.by_length[0].saturating_sub(escapes);
        size
    }

    /// Characters.
    #[must_use]
    pub fn characters(&self) -> u64 {
        self.by_length.iter().sum()
    }

    /// Estimated tokens: four ASCII characters to a token, and for the rest by the length of a
    /// character in bytes (two: 0.4, three: 0.7, four: 2 tokens each).
    ///
    /// Ours, set on the low side of what `o200k` and its like count for English, Chinese and
    /// emoji: an estimate that is too high would turn away requests that fit.
    #[must_use]
    pub fn tokens(&self) -> u64 {
        let [one, two, three, four] = self.by_length;
        (one * 10 + two * 16 + three * 28 + four * 80).div_ceil(40)
    }
}

/// Estimated tokens of a text (see [`TextSize::tokens`]).
#[must_use]
pub fn estimate_tokens(text: &str) -> u64 {
    TextSize::of(text).tokens()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_named_as_they_are_written() {
        for operation in Operation::ALL {
            assert_eq!(serde_json::to_value(operation).unwrap(), operation.name());
        }
    }

    #[test]
    fn token_estimates() {
        assert_eq!(estimate_tokens(""), 0);
        assert_eq!(estimate_tokens("abcd"), 1);
        assert_eq!(estimate_tokens("abcde"), 2);
        assert_eq!(estimate_tokens("图片图片图片图片图片"), 7);
        assert_eq!(estimate_tokens("😀"), 2);
    }

    #[test]
    fn escapes_count_as_what_they_stand_for() {
        for (raw, text) in [
            ("", ""),
            ("plain", "plain"),
            (r#"a\nb\"\\"#, "a\nb\"\\"),
            (r"\u56fe\u7247 ok", "图片 ok"),
            (r"\u00e9\u0041", "éA"),
            (r"\ud83d\ude00!", "😀!"),
            ("图\\t😀", "图\t😀"),
        ] {
            assert_eq!(TextSize::of_json_string(raw), TextSize::of(text), "{raw}");
        }
        // Long texts: few escapes, and nothing but escapes.
        let lines = "a line of some sixty characters, as people and programs write them\\n".repeat(1000);
        assert_eq!(
            TextSize::of_json_string(&lines),
            TextSize::of(&lines.replace("\\n", "\n"))
        );
        assert_eq!(
            TextSize::of_json_string(&"\\u56fe".repeat(9000)),
            TextSize::of(&"图".repeat(9000))
        );
    }
}
