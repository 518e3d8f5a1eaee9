//! `#[allow(lint, …, reason = "…", until = "YYYY-MM-DD")]`: a finding that is accepted here.
//!
//! The item stays as it is. Whether the lint exists, and whether the date is past, is for the linter to say, which
//! knows its own lints and may read a clock.

use proc_macro2::TokenStream;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Ident, LitStr, Path, Result, Token};

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> Result<TokenStream> {
    validate("allow", args)?;
    Ok(item)
}

pub(crate) fn validate(attribute: &str, args: TokenStream) -> Result<()> {
    let parse = |input: ParseStream| {
        if input.is_empty() {
            let example = format!("#[atomic_lint::{attribute}(torn_snapshot, reason = \"…\")]");
            return Err(Error::new(input.span(), format_args!("expected the name of a lint: write `{example}`")));
        }
        let (mut names, mut reason, mut until) = (Vec::new(), false, false);
        while !input.is_empty() {
            if let Some(quoted) = input.parse::<Option<LitStr>>()? {
                let name = quoted.value();
                return Err(Error::new(
                    quoted.span(),
                    format_args!("a lint's name stands without quotes: write `{}`", snake_case(&name)),
                ));
            }
            if !input.peek(Ident::peek_any) {
                return Err(input.error("expected the name of a lint, `reason = \"…\"` or `until = \"YYYY-MM-DD\"`"));
            }
            let path = input.call(Path::parse_mod_style)?;
            if input.peek(Token![=]) {
                input.parse::<Token![=]>()?;
                if path.is_ident("reason") {
                    once(&mut reason, &path)?;
                    self::reason(input)?;
                } else if path.is_ident("until") {
                    once(&mut until, &path)?;
                    self::until(input)?;
                } else {
                    return Err(Error::new_spanned(path, "the keys are `reason` and `until`: write one of them"));
                }
            } else {
                if reason || until {
                    return Err(Error::new_spanned(
                        path,
                        "lint names come first: move this before `reason` and `until`",
                    ));
                }
                let name = lint_name(&path, input)?;
                if names.contains(&name) {
                    return Err(Error::new_spanned(path, format_args!("`{name}` is named twice: remove one")));
                }
                names.push(name);
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        if names.is_empty() {
            let example = format!("#[atomic_lint::{attribute}(torn_snapshot, reason = \"…\")]");
            return Err(Error::new(
                input.span(),
                format_args!("expected the name of a lint before the reason: write `{example}`"),
            ));
        }
        Ok(())
    };
    parse.parse2(args)
}

fn once(seen: &mut bool, key: &Path) -> Result<()> {
    if std::mem::replace(seen, true) {
        return Err(Error::new_spanned(key, "this key is given twice: remove one"));
    }
    Ok(())
}

fn lint_name(path: &Path, input: ParseStream) -> Result<String> {
    let last = &path.segments.last().expect("a parsed path has a segment").ident;
    let name = last.to_string();
    if path.segments.len() > 1 {
        return Err(Error::new_spanned(
            path,
            format_args!("the attribute names the tool already: write `{}`", snake_case(&name)),
        ));
    }
    if input.peek(Token![-]) {
        return Err(input.error("a lint's name is in snake_case: write `_` for this `-`"));
    }
    if name != snake_case(&name) {
        return Err(Error::new(
            last.span(),
            format_args!("a lint's name is in snake_case: write `{}`", snake_case(&name)),
        ));
    }
    Ok(name)
}

fn reason(input: ParseStream) -> Result<()> {
    let text: LitStr =
        input.parse().map_err(|error| Error::new(error.span(), "expected text: write `reason = \"…\"`"))?;
    if text.value().trim().is_empty() {
        return Err(Error::new(text.span(), "the reason is empty: say why the finding does not hold here"));
    }
    Ok(())
}

fn until(input: ParseStream) -> Result<()> {
    let date: LitStr = input
        .parse()
        .map_err(|error| Error::new(error.span(), "expected a date in quotes: write `until = \"2027-01-31\"`"))?;
    if !is_date(&date.value()) {
        return Err(Error::new(date.span(), "expected a date of the calendar: write `until = \"2027-01-31\"`"));
    }
    Ok(())
}

/// Whether the text is a day of the calendar, written as ISO 8601 does: `2028-02-29`.
fn is_date(text: &str) -> bool {
    let shape = text.len() == 10
        && text
            .bytes()
            .enumerate()
            .all(|(i, byte)| if i == 4 || i == 7 { byte == b'-' } else { byte.is_ascii_digit() });
    if !shape {
        return false;
    }
    let number = |range: std::ops::Range<usize>| text[range].parse::<u32>().expect("the shape holds digits here");
    let (year, month, day) = (number(0..4), number(5..7), number(8..10));
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if leap => 29,
        2 => 28,
        _ => 0,
    };
    (1..=days).contains(&day)
}

/// The name as it has to be written: `TornSnapshot` and `torn-snapshot` become `torn_snapshot`.
fn snake_case(name: &str) -> String {
    let mut out = String::new();
    let name = name.rsplit("::").next().unwrap_or(name);
    let mut after_lower = false;
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            if c.is_ascii_uppercase() && after_lower {
                out.push('_');
            }
            after_lower = !c.is_ascii_uppercase();
            out.push(c.to_ascii_lowercase());
        } else if !out.is_empty() && !out.ends_with('_') {
            out.push('_');
            after_lower = false;
        }
    }
    while out.ends_with('_') {
        out.pop();
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{is_date, snake_case};

    #[test]
    fn dates_are_days_of_the_calendar() {
        for date in ["2027-01-31", "2028-02-29", "2000-02-29", "2026-12-31"] {
            assert!(is_date(date), "{date}");
        }
        for date in ["2027-02-29", "1900-02-29", "2027-13-01", "2027-04-31", "2027-1-1", "27-01-01", "2027-01-00", ""] {
            assert!(!is_date(date), "{date}");
        }
    }

    #[test]
    fn names_are_corrected_to_snake_case() {
        for (written, right) in [
            ("torn_snapshot", "torn_snapshot"),
            ("TornSnapshot", "torn_snapshot"),
            ("torn-snapshot", "torn_snapshot"),
            ("atomic_lint::torn_snapshot", "torn_snapshot"),
            ("TORN", "torn"),
            ("_torn_", "torn"),
        ] {
            assert_eq!(snake_case(written), right);
        }
    }
}
