//! `diff`: what changed between two states of a workspace in how its atomics are used.
//!
//! Locations are told apart by crate and name, operations by location, function and method, in the order in which
//! they stand; so a function that is renamed counts as one that went and one that came.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::columns;
use super::pairs::{is_acquire, is_release};
use super::survey::{Access, Location, Survey};
use crate::baseline::Subject;
use crate::ir::Ordering;

/// The two sides are `before` and `after`.
#[derive(Clone, Debug, Default, PartialEq, Serialize)]
pub struct Difference {
    pub orderings: Vec<Change>,
    pub locations_gained: Vec<String>,
    pub locations_lost: Vec<String>,
    /// Locations that have both a releasing and an acquiring side now, and had not before.
    pub pairs_gained: Vec<String>,
    pub pairs_lost: Vec<String>,
    /// `location: operation in function`.
    pub operations_gained: Vec<String>,
    pub operations_lost: Vec<String>,
    pub findings_new: Vec<Count>,
    pub findings_gone: Vec<Count>,
}

/// An ordering that is another one now.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Change {
    pub location: String,
    pub function: String,
    pub operation: String,
    pub before: String,
    pub after: String,
    pub direction: Direction,
    /// In the newer state.
    pub place: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    Weakened,
    Strengthened,
    /// Neither orders all that the other does, or one of them is not known.
    Changed,
}

/// Findings about one thing.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Count {
    pub lint: String,
    pub package: String,
    pub item: String,
    pub location: String,
    pub count: usize,
}

/// One state of the workspace.
#[derive(Clone, Debug, Default)]
pub struct State {
    pub survey: Survey,
    pub findings: Vec<Subject>,
}

pub fn diff(before: &State, after: &State) -> Difference {
    let mut difference = Difference::default();
    let (old, new) = (by_name(&before.survey), by_name(&after.survey));
    let name = |(krate, name): &(&str, &str)| format!("{krate}: {name}");
    difference.locations_gained = new.keys().filter(|k| !old.contains_key(*k)).map(name).collect();
    difference.locations_lost = old.keys().filter(|k| !new.contains_key(*k)).map(name).collect();
    let (paired_old, paired_new) = (paired(&old), paired(&new));
    difference.pairs_gained = paired_new.difference(&paired_old).map(name).collect();
    difference.pairs_lost = paired_old.difference(&paired_new).map(name).collect();
    for (key, old) in &old {
        if let Some(new) = new.get(key) {
            accesses(old, new, &mut difference);
        }
    }
    (difference.findings_new, difference.findings_gone) = findings(before, after);
    difference
}

type Locations<'s> = BTreeMap<(&'s str, &'s str), Vec<&'s Location>>;

fn by_name(survey: &Survey) -> Locations<'_> {
    let mut all = Locations::new();
    for location in &survey.locations {
        all.entry((&location.krate, &location.name)).or_default().push(location);
    }
    all
}

fn paired<'s>(locations: &Locations<'s>) -> BTreeSet<(&'s str, &'s str)> {
    let has = |all: &[&Location], wanted: fn(&Access) -> bool| all.iter().flat_map(|l| &l.accesses).any(wanted);
    locations.iter().filter(|(_, all)| has(all, is_release) && has(all, is_acquire)).map(|(key, _)| *key).collect()
}

/// The operations of one name in one function, in source order.
fn grouped<'s>(locations: &[&'s Location]) -> BTreeMap<(&'s str, &'s str), Vec<&'s Access>> {
    let mut groups: BTreeMap<_, Vec<&Access>> = BTreeMap::new();
    for access in locations.iter().flat_map(|l| &l.accesses) {
        groups.entry((access.function.as_str(), access.operation.as_str())).or_default().push(access);
    }
    groups
}

fn accesses(old: &[&Location], new: &[&Location], difference: &mut Difference) {
    let location = &new[0].name;
    let (old, new) = (grouped(old), grouped(new));
    let keys: BTreeSet<_> = old.keys().chain(new.keys()).copied().collect();
    for key in keys {
        let (function, operation) = key;
        let none = Vec::new();
        let (before, after) = (old.get(&key).unwrap_or(&none), new.get(&key).unwrap_or(&none));
        let label = format!("{location}: {operation} in {function}");
        if before.len() != after.len() {
            let (list, n) = match before.len() < after.len() {
                true => (&mut difference.operations_gained, after.len() - before.len()),
                false => (&mut difference.operations_lost, before.len() - after.len()),
            };
            list.push(if n == 1 { label } else { format!("{label} ({n} times)") });
            continue;
        }
        for (before, after) in before.iter().zip(after).filter(|(b, a)| b.orderings() != a.orderings()) {
            difference.orderings.push(Change {
                location: location.clone(),
                function: function.to_owned(),
                operation: operation.to_owned(),
                before: before.orderings(),
                after: after.orderings(),
                direction: direction(before, after),
                place: after.place.clone(),
            });
        }
    }
}

fn direction(before: &Access, after: &Access) -> Direction {
    let pairs = [(&before.ordering, &after.ordering), (&before.failure, &after.failure)];
    let known = |o: &Option<String>| o.as_deref().and_then(Ordering::from_name);
    let mut seen = BTreeSet::new();
    for (before, after) in pairs.into_iter().filter(|(b, a)| b != a) {
        let (Some(before), Some(after)) = (known(before), known(after)) else { return Direction::Changed };
        seen.insert(match (covers(before, after), covers(after, before)) {
            (true, false) => 0,
            (false, true) => 1,
            _ => 2,
        });
    }
    match seen.into_iter().collect::<Vec<_>>()[..] {
        [0] => Direction::Weakened,
        [1] => Direction::Strengthened,
        _ => Direction::Changed,
    }
}

/// Whether `a` orders all that `b` does.
fn covers(a: Ordering, b: Ordering) -> bool {
    a == b
        || a == Ordering::SeqCst
        || b != Ordering::SeqCst && (a.acquires() || !b.acquires()) && (a.releases() || !b.releases())
}

/// What is found more often now, and what less often.
fn findings(before: &State, after: &State) -> (Vec<Count>, Vec<Count>) {
    let mut counts: BTreeMap<&Subject, (usize, usize)> = BTreeMap::new();
    before.findings.iter().for_each(|s| counts.entry(s).or_default().0 += 1);
    after.findings.iter().for_each(|s| counts.entry(s).or_default().1 += 1);
    let count = |s: &Subject, count: usize| Count {
        lint: s.lint.clone(),
        package: s.package.clone(),
        item: s.item.clone(),
        location: s.location.clone(),
        count,
    };
    let more = counts.iter().filter(|(_, (b, a))| a > b).map(|(s, (b, a))| count(s, a - b)).collect();
    let less = counts.iter().filter(|(_, (b, a))| a < b).map(|(s, (b, a))| count(s, b - a)).collect();
    (more, less)
}

impl Difference {
    pub fn is_empty(&self) -> bool {
        *self == Difference::default()
    }
}

pub fn text(d: &Difference) -> String {
    if d.is_empty() {
        return "nothing has changed in how atomics are used\n".to_owned();
    }
    let mut out = String::new();
    for (direction, title) in [
        (Direction::Weakened, "weakened orderings"),
        (Direction::Strengthened, "strengthened orderings"),
        (Direction::Changed, "changed orderings"),
    ] {
        let rows: Vec<Vec<String>> = d.orderings.iter().filter(|c| c.direction == direction).map(row).collect();
        section(title, &rows, &mut out);
    }
    for (title, list) in [
        ("pairs lost: no release, or no acquire, is left", &d.pairs_lost),
        ("pairs gained", &d.pairs_gained),
        ("locations lost", &d.locations_lost),
        ("locations gained", &d.locations_gained),
        ("operations lost", &d.operations_lost),
        ("operations gained", &d.operations_gained),
    ] {
        section(title, &list.iter().map(|l| vec![l.clone()]).collect::<Vec<_>>(), &mut out);
    }
    for (title, list) in [("new findings", &d.findings_new), ("findings gone", &d.findings_gone)] {
        let row = |c: &Count| {
            let times = if c.count == 1 { String::new() } else { format!("{} times", c.count) };
            vec![c.lint.clone(), format!("{}: {}", c.package, c.item), c.location.clone(), times]
        };
        section(title, &list.iter().map(row).collect::<Vec<_>>(), &mut out);
    }
    out
}

fn row(c: &Change) -> Vec<String> {
    let orderings = format!("{} -> {}", c.before, c.after);
    vec![c.location.clone(), format!("{} in {}", c.operation, c.function), orderings, c.place.clone()]
}

fn section(title: &str, rows: &[Vec<String>], out: &mut String) {
    if !rows.is_empty() {
        *out += &format!("{title}\n{}\n", columns(rows, 2));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orderings_are_compared_by_what_they_order() {
        use Ordering::*;
        for (a, b) in [(Release, Relaxed), (AcqRel, Acquire), (SeqCst, AcqRel), (SeqCst, Relaxed)] {
            assert!(covers(a, b) && !covers(b, a), "{a:?} {b:?}");
        }
        assert!(!covers(Acquire, Release) && !covers(Release, Acquire));
    }
}
