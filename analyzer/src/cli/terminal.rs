//! What flags, cargo's environment and the terminal say about colours and loudness.

use super::Surroundings;
use super::args::{Common, When};
use crate::render::Style;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Terminal {
    pub(crate) out: Style,
    pub(crate) err: Style,
    pub(crate) quiet: bool,
    pub(crate) verbose: bool,
}

impl Terminal {
    /// Flags win over `CARGO_TERM_*`, as in cargo.
    pub(crate) fn new(common: &Common, around: &Surroundings) -> Terminal {
        let is_set = |name: &str| around.var(name).is_some_and(|v| matches!(v, "true" | "1"));
        let flagged = common.quiet || common.verbose > 0;
        Terminal {
            out: style(common.color, around, around.stdout_is_terminal),
            err: style(common.color, around, around.stderr_is_terminal),
            quiet: common.quiet || !flagged && is_set("CARGO_TERM_QUIET"),
            verbose: common.verbose > 0 || !flagged && is_set("CARGO_TERM_VERBOSE"),
        }
    }
}

fn style(flag: Option<When>, around: &Surroundings, is_terminal: bool) -> Style {
    let configured = match around.var("CARGO_TERM_COLOR") {
        Some("always") => Some(When::Always),
        Some("never") => Some(When::Never),
        _ => None,
    };
    let is_on = |name: &str| around.var(name).is_some_and(|v| !v.is_empty() && v != "0");
    let dumb = around.var("TERM") == Some("dumb");
    let color = match flag.or(configured).unwrap_or(When::Auto) {
        When::Always => true,
        When::Never => false,
        When::Auto if around.var("NO_COLOR").is_some_and(|v| !v.is_empty()) => false,
        When::Auto => is_on("CLICOLOR_FORCE") || is_terminal && !dumb && around.var("CLICOLOR") != Some("0"),
    };
    Style { color, unicode: is_terminal && !dumb, width: around.columns.filter(|_| is_terminal) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn color(flag: Option<When>, is_terminal: bool, vars: &[(&str, &str)]) -> bool {
        let around = Surroundings {
            vars: vars.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
            ..Surroundings::default()
        };
        style(flag, &around, is_terminal).color
    }

    #[test]
    fn colours() {
        assert!(color(None, true, &[]));
        assert!(!color(None, false, &[]));
        assert!(color(None, false, &[("CLICOLOR_FORCE", "1")]));
        assert!(!color(None, false, &[("CLICOLOR_FORCE", "0")]));
        assert!(!color(None, true, &[("NO_COLOR", "1")]));
        assert!(color(None, true, &[("NO_COLOR", "")]));
        assert!(!color(None, true, &[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")]));
        assert!(color(None, false, &[("NO_COLOR", "1"), ("CARGO_TERM_COLOR", "always")]));
        assert!(!color(Some(When::Never), true, &[("CARGO_TERM_COLOR", "always")]));
        assert!(!color(None, true, &[("TERM", "dumb")]));
    }

    #[test]
    fn flags_win_over_the_environment() {
        let around = Surroundings {
            vars: [("CARGO_TERM_QUIET".to_owned(), "true".to_owned())].into(),
            ..Surroundings::default()
        };
        assert!(Terminal::new(&Common::default(), &around).quiet);
        let verbose = Common { verbose: 1, ..Common::default() };
        assert!(!Terminal::new(&verbose, &around).quiet);
    }
}
