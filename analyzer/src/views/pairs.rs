//! `pairs`: the synchronizes-with map. An acquiring read pairs with every releasing write of its location (C++20
//! \[atomics.order\]); which of them it meets at run time is not for the source to say. A fence in the function of an
//! operation may stand in for its ordering (\[atomics.fences\]) and is counted as if it did.

use serde::Serialize;

use super::columns;
use super::survey::{Access, Location, Survey};

/// A location at which something is released or acquired.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Pairing<'s> {
    pub location: &'s str,
    pub krate: &'s str,
    pub release: Vec<&'s Access>,
    pub acquire: Vec<&'s Access>,
    /// Neither: it orders nothing.
    pub relaxed: Vec<&'s Access>,
}

pub fn pairs(survey: &Survey) -> Vec<Pairing<'_>> {
    let all = survey.locations.iter().map(pairing);
    all.filter(|p| !(p.release.is_empty() && p.acquire.is_empty())).collect()
}

fn pairing(location: &Location) -> Pairing<'_> {
    let some = |wanted: fn(&Access) -> bool| location.accesses.iter().filter(|a| wanted(a)).collect();
    Pairing {
        location: &location.name,
        krate: &location.krate,
        release: some(is_release),
        acquire: some(is_acquire),
        relaxed: some(|a| !is_release(a) && !is_acquire(a)),
    }
}

pub(super) fn is_release(a: &Access) -> bool {
    a.releases || a.writes && a.fenced
}

pub(super) fn is_acquire(a: &Access) -> bool {
    a.acquires || a.reads && a.fenced
}

pub fn text(survey: &Survey) -> String {
    let pairs = pairs(survey);
    let mut out = String::new();
    for pair in &pairs {
        out += &format!("{}\n", pair.location);
        let sides = [("release", &pair.release), ("acquire", &pair.acquire), ("neither", &pair.relaxed)];
        let rows = sides.iter().flat_map(|(side, accesses)| accesses.iter().map(|a| row(side, a)));
        out += &columns(&rows.collect::<Vec<_>>(), 2);
        if pair.acquire.is_empty() {
            out += "  nothing acquires what is released here\n";
        }
        if pair.release.is_empty() {
            out += "  nothing releases what is acquired here\n";
        }
        out.push('\n');
    }
    let whole = pairs.iter().filter(|p| !p.release.is_empty() && !p.acquire.is_empty()).count();
    out += &format!("{whole} locations with both sides, {} with one\n", pairs.len() - whole);
    out
}

fn row(side: &str, access: &Access) -> Vec<String> {
    let by_ordering = if side == "release" { access.releases } else { access.acquires };
    let fence = if access.fenced && !by_ordering && side != "neither" { " with a fence" } else { "" };
    vec![
        side.to_owned(),
        access.function.clone(),
        access.operation.clone(),
        format!("{}{fence}", access.orderings()),
        access.place.clone(),
    ]
}
