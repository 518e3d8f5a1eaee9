//! Breaking prose into lines.

/// The lines of a text, none wider than `width` unless a word is. What is broken already is a drawing and stays.
pub(super) fn text(text: &str, width: usize) -> Vec<String> {
    if text.contains('\n') || text.chars().count() <= width {
        return vec![text.to_owned()];
    }
    let mut lines = vec![String::new()];
    for word in words(text) {
        let line = lines.last_mut().expect("there is a line from the start");
        if line.is_empty() {
            line.push_str(word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

/// Words, with code between backquotes kept whole: broken in two it could not be copied.
fn words(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text.trim_start();
    std::iter::from_fn(move || {
        if rest.is_empty() {
            return None;
        }
        let mut in_code = false;
        let end = rest.find(|c: char| {
            in_code ^= c == '`';
            c == ' ' && !in_code
        });
        let (word, after) = rest.split_at(end.unwrap_or(rest.len()));
        rest = after.trim_start();
        Some(word)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_hold_as_many_words_as_fit() {
        assert_eq!(text("one two three", 7), ["one two", "three"]);
        assert_eq!(text("one two three", 13), ["one two three"]);
        assert_eq!(text("", 5), [""]);
    }

    #[test]
    fn long_words_and_code_stay_whole() {
        assert_eq!(text("incomprehensible is it", 5), ["incomprehensible", "is it"]);
        assert_eq!(text("write `a.fetch_add(1, Relaxed)` here", 12), ["write", "`a.fetch_add(1, Relaxed)`", "here"]);
    }

    #[test]
    fn drawings_stay() {
        assert_eq!(text("a drawing\n of two lines", 5), ["a drawing\n of two lines"]);
    }
}
