//! A tiny picture of a number, drawn in code: what a model is to read.
//!
//! PNG (<https://www.w3.org/TR/png-3/>) in its simplest form: 8-bit grey, rows without filters, one stored block of
//! deflate. Every decoder reads it, and its few kilobytes cost no more than any other small image.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// Digits of 3 by 5 dots, a row in three bits, the top one first.
const DIGITS: [[u8; 5]; 10] = [
    [0b111, 0b101, 0b101, 0b101, 0b111],
    [0b010, 0b110, 0b010, 0b010, 0b111],
    [0b111, 0b001, 0b111, 0b100, 0b111],
    [0b111, 0b001, 0b111, 0b001, 0b111],
    [0b101, 0b101, 0b111, 0b001, 0b001],
    [0b111, 0b100, 0b111, 0b001, 0b111],
    [0b111, 0b100, 0b111, 0b101, 0b111],
    [0b111, 0b001, 0b001, 0b001, 0b001],
    [0b111, 0b101, 0b111, 0b101, 0b111],
    [0b111, 0b101, 0b111, 0b001, 0b111],
];

/// Pixels of a dot, each way.
const SCALE: usize = 12;
/// Dots around the digits and between them.
const MARGIN: usize = 1;
const HEIGHT: usize = (5 + 2 * MARGIN) * SCALE;

const BLACK: u8 = 0;
const WHITE: u8 = 255;

/// The picture of a number, as the URL of an image part.
pub(super) fn data_url(number: &str) -> String {
    format!("data:image/png;base64,{}", STANDARD.encode(png(number)))
}

fn png(number: &str) -> Vec<u8> {
    let digits: Vec<[u8; 5]> = number
        .chars()
        .filter_map(|digit| DIGITS.get(digit.to_digit(10)? as usize).copied())
        .collect();
    let width = (MARGIN + digits.len() * (3 + MARGIN)) * SCALE;
    let mut rows = Vec::with_capacity(HEIGHT * (width + 1));
    for y in 0..HEIGHT {
        // No filter.
        rows.push(0);
        rows.extend((0..width).map(|x| {
            if is_ink(&digits, x / SCALE, y / SCALE) {
                BLACK
            } else {
                WHITE
            }
        }));
    }
    let mut header = Vec::with_capacity(13);
    header.extend((width as u32).to_be_bytes());
    header.extend((HEIGHT as u32).to_be_bytes());
    // 8 bits, grey, deflate, no filters beyond the usual, not interlaced.
    header.extend([8, 0, 0, 0, 0]);
    let mut file = b"\x89PNG\r\n\x1a\n".to_vec();
    chunk(&mut file, *b"IHDR", &header);
    chunk(&mut file, *b"IDAT", &stored(&rows));
    chunk(&mut file, *b"IEND", &[]);
    file
}

/// Whether a dot is black.
fn is_ink(digits: &[[u8; 5]], x: usize, y: usize) -> bool {
    let (Some(x), Some(y)) = (x.checked_sub(MARGIN), y.checked_sub(MARGIN)) else {
        return false;
    };
    let (digit, column) = (x / (3 + MARGIN), x % (3 + MARGIN));
    let row = digits.get(digit).and_then(|digit| digit.get(y));
    column < 3 && row.is_some_and(|row| row & (0b100 >> column) != 0)
}

fn chunk(file: &mut Vec<u8>, kind: [u8; 4], data: &[u8]) {
    file.extend((data.len() as u32).to_be_bytes());
    let begin = file.len();
    file.extend(kind);
    file.extend(data);
    let checksum = crc32fast::hash(&file[begin..]);
    file.extend(checksum.to_be_bytes());
}

/// Data as a zlib stream of stored blocks (<https://www.rfc-editor.org/rfc/rfc1950>, `rfc1951`).
fn stored(data: &[u8]) -> Vec<u8> {
    let mut stream = vec![0x78, 0x01];
    let mut blocks = data.chunks(usize::from(u16::MAX)).peekable();
    while let Some(block) = blocks.next() {
        let length = block.len() as u16;
        stream.push(u8::from(blocks.peek().is_none()));
        stream.extend(length.to_le_bytes());
        stream.extend((!length).to_le_bytes());
        stream.extend(block);
    }
    stream.extend(adler32(data).to_be_bytes());
    stream
}

fn adler32(data: &[u8]) -> u32 {
    const BASE: u32 = 65_521;
    let (low, high) = data.iter().fold((1, 0), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % BASE;
        (low, (high + low) % BASE)
    });
    high << 16 | low
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checksums_are_those_of_the_standards() {
        assert_eq!(adler32(b"Wikipedia"), 0x11E6_0398);
        let mut end = Vec::new();
        chunk(&mut end, *b"IEND", &[]);
        assert_eq!(end, b"\0\0\0\0IEND\xAE\x42\x60\x82");
    }

    #[test]
    fn the_digits_stand_where_they_are_drawn() {
        let seven = [DIGITS[7]];
        let drawn: Vec<String> = (0..7)
            .map(|y| {
                (0..5)
                    .map(|x| if is_ink(&seven, x, y) { '#' } else { '.' })
                    .collect()
            })
            .collect();
        assert_eq!(
            drawn,
            [".....", ".###.", "...#.", "...#.", "...#.", "...#.", "....."]
        );
    }

    #[test]
    fn the_file_has_the_size_it_says() {
        let file = png("47");
        assert_eq!(&file[..8], b"\x89PNG\r\n\x1a\n");
        let width = u32::from_be_bytes(file[16..20].try_into().unwrap()) as usize;
        assert_eq!(width, 9 * SCALE);
        let data = u32::from_be_bytes(file[33..37].try_into().unwrap()) as usize;
        // Two bytes of zlib, five of the one block, four of its checksum.
        assert_eq!(data, HEIGHT * (width + 1) + 11);
        assert!(file.len() < 12_000, "{}", file.len());
    }
}
