//! The hashes by which GitHub tells the lines of a file, so that an alert survives edits elsewhere.
//!
//! GitHub's uploader adds them to results that lack them and warns where they differ from its own, so these are the
//! same: the hash of a line covers the hundred UTF-16 units that start there, blanks and tabs left out, with every line
//! end as one `\n`, an end mark behind the text and zeros behind that. Units are the digits of a number to the base 37,
//! modulo 2⁶⁴. Lines with equal hashes are numbered.

use rustc_hash::FxHashMap;

const WIDTH: usize = 100;
const BASE: u64 = 37;
const END: u16 = 0xffff;

/// The hash of every line, the one behind the last line end included.
pub(super) fn line_hashes(text: &str, bom: bool) -> Vec<String> {
    let (units, starts) = units(text, bom);
    let mut counts: FxHashMap<u64, u32> = FxHashMap::default();
    let hash = |start: usize| {
        let covered = units[start..].iter().copied().chain(std::iter::repeat(0)).take(WIDTH);
        let hash = covered.fold(0u64, |hash, unit| hash.wrapping_mul(BASE).wrapping_add(unit.into()));
        let count = counts.entry(hash).or_insert(0);
        *count += 1;
        format!("{hash:x}:{count}")
    };
    starts.into_iter().map(hash).collect()
}

/// What is hashed, and where in it the lines start.
fn units(text: &str, bom: bool) -> (Vec<u16>, Vec<usize>) {
    const LF: u16 = b'\n' as u16;
    let mut units = Vec::with_capacity(text.len());
    let mut starts = vec![0];
    units.extend(bom.then_some(0xfeff));
    let mut before = '\0';
    for c in text.chars() {
        let second_half = before == '\r' && c == '\n';
        before = c;
        match c {
            ' ' | '\t' => {}
            '\n' if second_half => {}
            '\n' | '\r' => {
                units.push(LF);
                starts.push(units.len());
            }
            c => units.extend_from_slice(c.encode_utf16(&mut [0; 2])),
        }
    }
    units.push(END);
    (units, starts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &[&str]) {
        assert_eq!(line_hashes(text, false), expected);
    }

    /// The values that the uploader itself computes for these texts.
    #[test]
    fn as_the_uploader_computes_them() {
        check("", &["c129715d7a2bc9a3:1"]);
        let four = ["271789c17abda88f:1", "54703d4cd895b18:1", "180aee12dab6264:1", "a23a3dc5e078b07b:1"];
        check(" a\nb\n  \t\tc\n d", &four);
        let greetings = [
            "e9496ae3ebfced30:1",
            "fb7c023a8b9ccb3f:1",
            "ce8ba1a563dcdaca:1",
            "e20e36e16fcb0cc8:1",
            "b3edc88f2938467e:1",
            "c8e28b0b4002a3a0:1",
            "c129715d7a2bc9a3:1",
        ];
        check(" hello; \t\nworld!!!\n\n\n  \t\tGreetings\n End\n", &greetings);
        check(" hello; \t\r\nworld!!!\r\n\n\r  \t\tGreetings\r End\r\n", &greetings);
    }

    #[test]
    fn equal_lines_are_numbered() {
        let hashes = line_hashes(&"Lorem ipsum dolor sit amet.\n".repeat(10), false);
        assert_eq!(hashes[..2], ["a7f2ff13bc495cf2:1", "a7f2ff13bc495cf2:2"]);
        assert_eq!(
            hashes[6..],
            [
                "a7f2ff1481e87703:1",
                "a9cf91f7bbf1862b:1",
                "55ec222b86bcae53:1",
                "cc97dc7b1d7d8f7b:1",
                "c129715d7a2bc9a3:1"
            ]
        );
    }

    #[test]
    fn a_byte_order_mark_is_part_of_the_first_line() {
        let (with, without) = (line_hashes("a\nb", true), line_hashes("a\nb", false));
        assert_ne!(with[0], without[0]);
        assert_eq!(with[1], without[1]);
    }
}
