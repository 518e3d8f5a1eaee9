//! One line on how far a long run has come, at the foot of a terminal, wiped away at its end.
//!
//! It goes to standard error, and only where a person looks at it: not into a file or a pipe, not in CI (whose logs keep
//! every line), not where `--quiet` asks for silence, and not for a run that is over before a line could be read.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use super::Surroundings;
use super::terminal::Terminal;
use crate::driver::Stage;

/// How long a run may be silent.
const PATIENCE: Duration = Duration::from_millis(400);
/// How long a line stands at least.
const PAUSE: Duration = Duration::from_millis(80);

pub(super) struct Progress {
    say: fn(&str),
    columns: usize,
    start: Instant,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    parsed: usize,
    checked: usize,
    /// When the line was last written.
    shown: Option<Instant>,
}

impl Progress {
    /// `None` where nobody would see it.
    pub(super) fn of(around: &Surroundings, terminal: Terminal) -> Option<Progress> {
        let is_set = |name: &str| around.vars.get(name).is_some_and(|v| !v.is_empty() && v != "false" && v != "0");
        let say = around.say.filter(|_| around.stderr_is_terminal)?;
        let dumb = around.vars.get("TERM").is_some_and(|t| t == "dumb");
        let seen = !terminal.quiet && !dumb && !is_set("CI");
        let columns = around.columns.unwrap_or(80);
        seen.then(|| Progress { say, columns, start: Instant::now(), state: Mutex::default() })
    }

    pub(super) fn at(&self, stage: Stage) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        match stage {
            Stage::Parsing { .. } => state.parsed += 1,
            Stage::Linking => {}
            Stage::Checking { .. } => state.checked += 1,
        }
        let now = Instant::now();
        let is_due = state.shown.is_none_or(|at| now.duration_since(at) >= PAUSE) || stage == Stage::Linking;
        if now.duration_since(self.start) >= PATIENCE && is_due {
            state.shown = Some(now);
            let line: String = state.line(stage).chars().take(self.columns.saturating_sub(1)).collect();
            (self.say)(&format!("\r\u{1b}[K{line}"));
        }
    }

    /// Leaves the line as it was before.
    pub(super) fn clear(&self) {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if state.shown.is_some() {
            (self.say)("\r\u{1b}[K");
        }
    }
}

impl State {
    fn line(&self, stage: Stage) -> String {
        match stage {
            // A later round finds further files, so the whole is not known.
            Stage::Parsing { of } => format!("    Parsing {} of {} files", self.parsed, of.max(self.parsed)),
            Stage::Linking => format!("    Linking {} files", self.parsed),
            Stage::Checking { of } => format!("   Checking {} of {of} lints", self.checked),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::args::Common;

    fn is_shown(change: impl Fn(&mut Surroundings, &mut Common)) -> bool {
        let (mut around, mut common) = (Surroundings::default(), Common::default());
        around.say = Some(|_| {});
        around.stderr_is_terminal = true;
        change(&mut around, &mut common);
        Progress::of(&around, Terminal::new(&common, &around)).is_some()
    }

    #[test]
    fn progress_is_for_people_at_a_terminal() {
        let set = |name: &str, value: &str| [(name.to_owned(), value.to_owned())].into();
        assert!(is_shown(|_, _| {}));
        assert!(is_shown(|a, _| a.vars = set("CI", "")));
        assert!(!is_shown(|a, _| a.vars = set("CI", "true")));
        assert!(!is_shown(|a, _| a.vars = set("TERM", "dumb")));
        assert!(!is_shown(|a, _| a.vars = set("CARGO_TERM_QUIET", "true")));
        assert!(!is_shown(|_, c| c.quiet = true));
        assert!(!is_shown(|a, _| a.stderr_is_terminal = false));
    }

    #[test]
    fn lines() {
        let state = State { parsed: 12, checked: 7, shown: None };
        assert_eq!(state.line(Stage::Parsing { of: 40 }), "    Parsing 12 of 40 files");
        assert_eq!(state.line(Stage::Parsing { of: 3 }), "    Parsing 12 of 12 files");
        assert_eq!(state.line(Stage::Linking), "    Linking 12 files");
        assert_eq!(state.line(Stage::Checking { of: 60 }), "   Checking 7 of 60 lints");
    }
}
