//! From byte offsets to lines and columns, and back.
//!
//! Lines end at `\n`; a `\r` before it belongs to the line end. Lines and columns are counted from 1, columns in
//! Unicode scalar values, as rustc counts them; the language server's UTF-16 positions, from 0, are separate methods.
//! Offsets past the end or inside a character are moved back to the nearest place that exists.

use memchr::memchr_iter;

/// A place in a text as people name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct LineCol {
    /// From 1.
    pub line: u32,
    /// From 1, in Unicode scalar values.
    pub column: u32,
}

/// A place in a text as the language server protocol names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Utf16Pos {
    /// From 0.
    pub line: u32,
    /// From 0, in UTF-16 code units.
    pub character: u32,
}

/// Where the lines of one text start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineIndex {
    starts: Vec<u32>,
}

impl LineIndex {
    pub fn new(text: &str) -> Self {
        let starts = std::iter::once(0).chain(memchr_iter(b'\n', text.as_bytes()).map(|n| n as u32 + 1)).collect();
        LineIndex { starts }
    }

    /// How many lines there are; a text that ends in `\n` has an empty last line.
    pub fn line_count(&self) -> u32 {
        self.starts.len() as u32
    }

    /// The line of an offset, from 1.
    pub fn line(&self, offset: u32) -> u32 {
        self.starts.partition_point(|&start| start <= offset) as u32
    }

    /// Where a line (from 1) starts; the last line for numbers that are too large.
    pub fn line_start(&self, line: u32) -> u32 {
        let index = (line.max(1) as usize - 1).min(self.starts.len() - 1);
        self.starts[index]
    }

    /// The text of a line (from 1), without its line end.
    pub fn line_text<'t>(&self, text: &'t str, line: u32) -> &'t str {
        if line == 0 || line > self.line_count() {
            return "";
        }
        let start = self.line_start(line) as usize;
        let end = self.starts.get(line as usize).map_or(text.len(), |&next| next as usize - 1);
        let line = &text[start..end.max(start)];
        line.strip_suffix('\r').unwrap_or(line)
    }

    pub fn line_col(&self, text: &str, offset: u32) -> LineCol {
        let before = self.line_before(text, offset);
        LineCol { line: self.line(offset.min(text.len() as u32)), column: before.chars().count() as u32 + 1 }
    }

    pub fn utf16_pos(&self, text: &str, offset: u32) -> Utf16Pos {
        let before = self.line_before(text, offset);
        let line = self.line(offset.min(text.len() as u32)) - 1;
        Utf16Pos { line, character: before.encode_utf16().count() as u32 }
    }

    /// The offset of a language server position; the end of the line for columns beyond it.
    pub fn offset_of_utf16(&self, text: &str, pos: Utf16Pos) -> u32 {
        let line = pos.line.saturating_add(1);
        if line > self.line_count() {
            return text.len() as u32;
        }
        let mut left = pos.character as usize;
        let mut offset = self.line_start(line);
        for c in self.line_text(text, line).chars() {
            if left < c.len_utf16() {
                break;
            }
            left -= c.len_utf16();
            offset += c.len_utf8() as u32;
        }
        offset
    }

    /// What stands before an offset on its line.
    fn line_before<'t>(&self, text: &'t str, offset: u32) -> &'t str {
        let offset = text.floor_char_boundary((offset as usize).min(text.len()));
        &text[self.line_start(self.line(offset as u32)) as usize..offset]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks line, column and UTF-16 column of every character of `text`, counted the slow way.
    #[track_caller]
    fn check(text: &str) {
        let index = LineIndex::new(text);
        let (mut line, mut column, mut utf16) = (1, 1, 0);
        for (offset, c) in text.char_indices() {
            let offset = offset as u32;
            assert_eq!(index.line_col(text, offset), LineCol { line, column }, "{text:?} at {offset}");
            let pos = Utf16Pos { line: line - 1, character: utf16 };
            assert_eq!(index.utf16_pos(text, offset), pos, "{text:?} at {offset}");
            if c != '\n' && c != '\r' {
                assert_eq!(index.offset_of_utf16(text, pos), offset, "{text:?} at {offset}");
            }
            (line, column, utf16) = match c {
                '\n' => (line + 1, 1, 0),
                c => (line, column + 1, utf16 + c.len_utf16() as u32),
            };
        }
        let lines: Vec<_> = (1..=index.line_count()).map(|n| index.line_text(text, n)).collect();
        let expected: Vec<_> = text.split('\n').map(|l| l.strip_suffix('\r').unwrap_or(l)).collect();
        assert_eq!(lines, expected);
    }

    #[test]
    fn every_position_agrees_with_counting() {
        for text in ["", "a", "\n", "a\n", "a\r\nb\r\n", "é😀x\nß\n\n", "a\rb\nc"] {
            check(text);
        }
    }

    #[test]
    fn offsets_that_do_not_exist_are_moved_back() {
        let text = "é\nb";
        let index = LineIndex::new(text);
        assert_eq!(index.line_col(text, 1), LineCol { line: 1, column: 1 });
        assert_eq!(index.line_col(text, 99), LineCol { line: 2, column: 2 });
        assert_eq!(index.line_text(text, 0), "");
        assert_eq!(index.line_text(text, 9), "");
        assert_eq!(index.offset_of_utf16(text, Utf16Pos { line: 9, character: 0 }), 4);
        assert_eq!(index.offset_of_utf16(text, Utf16Pos { line: 0, character: 9 }), 2);
    }
}
