//! Texts as passages: whole paragraphs, of a bounded size, each with its place.
//!
//! Paragraphs end at an empty line. Short neighbours share a passage, a long one is cut at the end of a sentence, else between
//! words, else between characters. Passages do not overlap; together they are the text without the space around them.

use super::Place;

/// Bytes a passage has at most: some 300 tokens of English, 400 of Chinese, so that a handful of them fits small windows.
pub(super) const MOST_BYTES: usize = 1_200;

/// The passages of a text, in order.
pub(super) fn passages(text: &str) -> Vec<Place> {
    let mut pieces: Vec<std::ops::Range<usize>> = Vec::new();
    let mut open: Option<std::ops::Range<usize>> = None;
    for paragraph in paragraphs(text) {
        if let Some(passage) = &mut open
            && paragraph.end - passage.start <= MOST_BYTES
        {
            passage.end = paragraph.end;
            continue;
        }
        pieces.extend(open.take());
        let mut rest = paragraph;
        while rest.len() > MOST_BYTES {
            let cut = rest.start + border(&text[rest.clone()], MOST_BYTES);
            pieces.extend(trimmed(text, rest.start..cut));
            rest.start = cut;
        }
        open = trimmed(text, rest);
    }
    pieces.extend(open);

    let mut line = 1;
    let mut counted = 0;
    let mut lines_to = |at: usize| {
        line += text[counted..at].matches('\n').count();
        counted = at;
        line
    };
    let places = pieces.into_iter().map(|bytes| Place {
        first_line: lines_to(bytes.start),
        last_line: lines_to(bytes.end),
        bytes,
    });
    places.collect()
}

/// What stands between empty lines.
fn paragraphs(text: &str) -> impl Iterator<Item = std::ops::Range<usize>> {
    let mut from = 0;
    let mut at = 0;
    let mut found = Vec::new();
    for line in text.split_inclusive('\n') {
        if line.trim().is_empty() {
            found.extend(trimmed(text, from..at));
            from = at + line.len();
        }
        at += line.len();
    }
    found.extend(trimmed(text, from..at));
    found.into_iter()
}

/// The range without the space around it; nothing where there is nothing else. A first line keeps its indent.
fn trimmed(text: &str, range: std::ops::Range<usize>) -> Option<std::ops::Range<usize>> {
    let piece = &text[range.clone()];
    let first = piece.find(|character: char| !character.is_whitespace())?;
    let first = piece[..first].rfind('\n').map_or(0, |at| at + 1);
    let start = range.start + first;
    Some(start..start + piece[first..].trim_end().len())
}

/// Where to cut a text of more than `most` bytes: after the last sentence that is whole, else the last line, else the last
/// word, else the last character. In the first half only a character is a border, or pieces get too small.
/// Never 0, never more than `most` unless the first character is larger.
pub(super) fn border(text: &str, most: usize) -> usize {
    let mut most = most.min(text.len());
    while !text.is_char_boundary(most) {
        most -= 1;
    }
    if most == 0 {
        return text.chars().next().map_or(0, char::len_utf8);
    }
    let head = &text[..most];
    let after = |found: Option<(usize, char)>| found.map(|(at, character)| at + character.len_utf8());
    let sentence = head.char_indices().rev().find(|(at, character)| match character {
        '。' | '！' | '？' | '…' | '；' => true,
        '.' | '!' | '?' => text[at + 1..].starts_with(char::is_whitespace),
        _ => false,
    });
    let line = head
        .char_indices()
        .rev()
        .find(|(_, character)| *character == '\n');
    let word = head
        .char_indices()
        .rev()
        .find(|(_, character)| character.is_whitespace());
    let borders = [after(sentence), after(line), after(word)];
    borders
        .into_iter()
        .flatten()
        .find(|at| *at > most / 2)
        .unwrap_or(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<(&str, usize, usize)> {
        let places = passages(text);
        places
            .into_iter()
            .map(|place| (&text[place.bytes], place.first_line, place.last_line))
            .collect()
    }

    #[test]
    fn short_paragraphs_share_a_passage() {
        assert_eq!(
            texts("one\ntwo\n\n\n  three\n"),
            [("one\ntwo\n\n\n  three", 1, 5)]
        );
        assert!(texts(" \n\n").is_empty());
    }

    #[test]
    fn passages_end_at_paragraphs() {
        let paragraph = "word ".repeat(150);
        let text = format!("{paragraph}\n\n{paragraph}\nnext line");
        let found = texts(&text);
        assert_eq!(found.len(), 2);
        assert_eq!((found[0].0, found[0].1, found[0].2), (paragraph.trim_end(), 1, 1));
        assert_eq!((found[1].1, found[1].2), (3, 4));
    }

    #[test]
    fn a_long_paragraph_is_cut_after_a_sentence() {
        for (sentence, joint) in [("It rains on the plain today.", " "), ("今天下雨了。", "")] {
            let text = vec![sentence; 200].join(joint);
            let found = texts(&text);
            assert!(found.len() > 2);
            for (piece, ..) in found {
                assert!(piece.len() <= MOST_BYTES && piece.ends_with(sentence), "{piece}");
            }
        }
    }

    #[test]
    fn what_has_no_borders_is_cut_between_characters() {
        let text = "图".repeat(1_000);
        let found = texts(&text);
        assert_eq!(
            found.iter().map(|(piece, ..)| piece.len()).sum::<usize>(),
            text.len()
        );
        assert_eq!(border("图片", 1), 3);
    }

    proptest::proptest! {
        #[test]
        fn passages_are_the_text(text in "([a-z图。.]{0,40}[ \n]{0,3}){0,120}") {
            let places = passages(&text);
            let mut end = 0;
            for place in &places {
                proptest::prop_assert!(text[end..place.bytes.start].trim().is_empty());
                proptest::prop_assert!(!place.bytes.is_empty() && place.bytes.len() <= MOST_BYTES);
                proptest::prop_assert_eq!(place.first_line, text[..place.bytes.start].matches('\n').count() + 1);
                proptest::prop_assert_eq!(place.last_line, text[..place.bytes.end].matches('\n').count() + 1);
                end = place.bytes.end;
            }
            proptest::prop_assert!(text[end..].trim().is_empty());
        }
    }
}
