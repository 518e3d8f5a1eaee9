//! Bugs of the analyzer itself: a panic in one file or one lint ends neither the run nor the others.
//!
//! What panicked is told as a diagnostic, and the process ends with the status of a run that could not be made, so
//! that silence about that file or lint does not look like a clean bill.

use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::resolve;

/// Something that panicked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InternalError<P> {
    /// What it was doing or looking at.
    pub place: P,
    /// What the panic says.
    pub message: String,
}

/// Runs `f`; a panic in it becomes an error. What `f` shares with others must be made anew or hold no half-made values:
/// the answers that facts remember are set only once they are known.
pub fn attempt<P, T>(place: P, f: impl FnOnce() -> T) -> Result<T, InternalError<P>> {
    catch_unwind(AssertUnwindSafe(f)).map_err(|payload| {
        resolve::forget_unfinished();
        let text = payload.downcast_ref::<&str>().map(|s| (*s).to_owned());
        let message =
            text.or_else(|| payload.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned());
        InternalError { place, message: message.split_whitespace().collect::<Vec<_>>().join(" ") }
    })
}

/// The one part without which `fails` is false, if there is one: found by halving.
pub fn culprit<T: Copy>(parts: &[T], mut fails: impl FnMut(&[T]) -> bool) -> Option<T> {
    let mut suspects = parts;
    while suspects.len() > 1 {
        let (first, second) = suspects.split_at(suspects.len() / 2);
        suspects = match (fails(first), fails(second)) {
            (true, _) => first,
            (false, true) => second,
            // It takes parts of both.
            (false, false) => return None,
        };
    }
    suspects.first().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error_with_its_message() {
        let error = attempt("here", || -> () { panic!("no {} for\n  this", "rule") }).expect_err("it panics");
        assert_eq!((error.place, error.message.as_str()), ("here", "no rule for this"));
        assert_eq!(attempt((), || 7), Ok(7));
    }

    #[test]
    fn the_culprit_is_found_by_halving() {
        let parts: Vec<u32> = (0..100).collect();
        for bad in [0, 1, 49, 50, 99] {
            assert_eq!(culprit(&parts, |some| some.contains(&bad)), Some(bad));
        }
    }

    #[test]
    fn two_that_only_fail_together_are_not_told_apart() {
        let parts: Vec<u32> = (0..8).collect();
        assert_eq!(culprit(&parts, |some| some.contains(&1) && some.contains(&6)), None);
    }

    #[test]
    fn one_of_two_that_fail_each_by_itself_is_named() {
        let parts: Vec<u32> = (0..8).collect();
        assert_eq!(culprit(&parts, |some| some.contains(&1) || some.contains(&6)), Some(1));
    }
}
