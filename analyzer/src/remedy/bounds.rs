//! Bounds that an `unsafe impl` lacks.

use crate::finding::{Applicability, Edit, Fix, Site};
use crate::fix;
use crate::ir::{Impl, ItemKind, Span, Ty};
use crate::lint::Cx;
use crate::resolve::DefId;

/// Adds a bound to the type parameter that an impl has at this position of its self type. Code that relied on the
/// bound being absent no longer compiles, so it is not sure to be what is wanted.
pub fn add(cx: &Cx<'_>, imp: DefId, position: usize, bound: &str) -> Option<Fix> {
    let d = cx.facts.program.def(imp);
    let ItemKind::Impl(i) = &d.item.kind else { return None };
    let name = parameter(i, position)?;
    let head = cx.facts.text(Site { file: d.file, span: d.item.name_span });
    let parameter = declared(head, name)?;
    let joint = if parameter.bounded { " + " } else { ": " };
    let at = d.item.name_span.start + parameter.end as u32;
    let edit = Edit { site: Site { file: d.file, span: Span::new(at, at) }, replacement: format!("{joint}{bound}") };
    let title = format!("ask for `{name}: {bound}`");
    let fix = Fix { title, applicability: Applicability::MaybeIncorrect, edits: vec![edit] };
    fix::is_sound(cx.sources, &fix).then_some(fix)
}

/// The name that the impl gives to a parameter of the type it is for.
fn parameter(imp: &Impl, position: usize) -> Option<&str> {
    let Ty::Path(path) = &imp.self_ty else { return None };
    let Ty::Path(argument) = path.segments.last()?.args.get(position)? else { return None };
    argument.ident()
}

/// Where a type parameter is declared in the head of an impl.
#[derive(Debug, PartialEq, Eq)]
struct Declared {
    /// Behind its last bound.
    end: usize,
    bounded: bool,
}

/// Finds `name` among what stands in the angle brackets behind `impl`.
fn declared(head: &str, name: &str) -> Option<Declared> {
    let open = head.find('<').filter(|at| head[..*at].trim_end().ends_with("impl"))?;
    let mut depth = 0usize;
    let mut start = open + 1;
    for (at, c) in head.char_indices().skip_while(|(at, _)| *at < open) {
        let arrow = head[..at].ends_with('-');
        match c {
            '<' | '(' | '[' => depth += 1,
            '>' if arrow => {}
            ')' | ']' => depth = depth.saturating_sub(1),
            ',' if depth > 1 => {}
            '>' | ',' => {
                let last = c == '>' && depth == 1;
                if c == '>' {
                    depth -= 1;
                }
                if c == ',' || last {
                    let text = head[start..at].trim_end();
                    let mut parts = text.splitn(2, ':');
                    if parts.next().is_some_and(|n| n.trim() == name) {
                        let bounded = parts.next().is_some_and(|b| !b.trim().is_empty());
                        return Some(Declared { end: start + text.len(), bounded });
                    }
                    start = at + 1;
                }
                if last {
                    return None;
                }
            }
            _ => {}
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The head after `T` got a bound.
    #[track_caller]
    fn check(head: &str, expected: &str) {
        let found = declared(head, "T").map(|d| {
            let joint = if d.bounded { " + " } else { ": " };
            format!("{}{joint}Send{}", &head[..d.end], &head[d.end..])
        });
        assert_eq!(found.as_deref(), Some(expected));
    }

    #[test]
    fn parameters_of_impls() {
        check("unsafe impl<T> Sync for S<T>", "unsafe impl<T: Send> Sync for S<T>");
        check("unsafe impl<T: Sync> Sync for S<T>", "unsafe impl<T: Sync + Send> Sync for S<T>");
        check("unsafe impl<'a, T, U> Sync for S<'a, T, U>", "unsafe impl<'a, T: Send, U> Sync for S<'a, T, U>");
        check("unsafe impl < U: F<T, U>, T, > Sync for S<T>", "unsafe impl < U: F<T, U>, T: Send, > Sync for S<T>");
        check("unsafe impl<F: Fn(T) -> T, T> Sync for S<T>", "unsafe impl<F: Fn(T) -> T, T: Send> Sync for S<T>");
        assert_eq!(declared("unsafe impl Sync for S<T>", "T"), None);
        assert_eq!(declared("unsafe impl<U> Sync for S<T>", "T"), None);
    }
}
