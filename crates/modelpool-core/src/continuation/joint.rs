//! White space where the old text meets the new.
//!
//! The model was sent the delivered text without the white space at its end, so it may write that
//! white space once more, leave it out, or write other. What was delivered stays, so what of it
//! comes again is dropped:
//!
//! | delivered ends in | the new text begins with | of which is dropped |
//! |---|---|---|
//! | `·` | `·b` | `·` |
//! | `⏎⏎` | `⏎b` | `⏎` |
//! | `⏎` | `⏎⏎b` | the first `⏎` |
//! | `⏎` | `⏎····b` (indented code) | `⏎` |
//! | `⏎····` | `····b` (the line end left out) | `····` |
//! | `·` | `⏎b` | nothing |
//! | `a` | `·b` | nothing |
//! | `a` | `b` | nothing |

/// How many bytes at the beginning of `new` repeat the white space `delivered`: the longer of
/// what both have in common from their beginning, and of the end of the one that is the beginning
/// of the other.
pub(super) fn repeated_space(delivered: &str, new: &str) -> usize {
    let new = &new[..new.len() - new.trim_start().len()];
    let in_common: usize = delivered
        .chars()
        .zip(new.chars())
        .take_while(|(old, new)| old == new)
        .map(|(_, new)| new.len_utf8())
        .sum();
    let overlap = delivered
        .char_indices()
        .map(|(at, _)| &delivered[at..])
        .find(|end| new.starts_with(end))
        .map_or(0, str::len);
    in_common.max(overlap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delivered_white_space_does_not_come_twice() {
        for (delivered, new, left) in [
            (" ", " b", "b"),
            ("\n\n", "\nb", "b"),
            ("\n\n", "\n\nb", "b"),
            ("\n", "\n\nb", "\nb"),
            ("\n", "\n    b", "    b"),
            ("\n    ", "    b", "b"),
            ("\n   ", "\n    b", " b"),
            (" ", "\nb", "\nb"),
            ("\u{3000}", "\u{3000}次", "次"),
            ("", " b", " b"),
            ("", "b", "b"),
            (" ", "b", "b"),
            ("\r\n", "\r\nb", "b"),
            (" ", "", ""),
        ] {
            assert_eq!(
                &new[repeated_space(delivered, new)..],
                left,
                "{delivered:?} {new:?}"
            );
        }
    }
}
