//! Every atomic operation of a run by where it is seen, as plain data that outlives the facts.

use std::collections::BTreeMap;

use crate::driver::Known;
use crate::finding::Site;
use crate::ir::{AtomicOpKind, Ordering};

/// An operation as one function makes it: itself, or through a helper.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Where the function makes it: itself, or the call.
    pub site: Site,
    /// `Queue::head`; empty if unknown.
    pub location: String,
    pub function: String,
    pub method: String,
    pub kind: AtomicOpKind,
    /// `None` where it is not known.
    pub success: Option<Ordering>,
    pub failure: Option<Ordering>,
}

#[derive(Clone, Debug, Default)]
pub struct Operations {
    at: BTreeMap<Site, Vec<Operation>>,
}

impl Operations {
    pub fn of(known: Known<'_>) -> Operations {
        let facts = known.facts;
        let mut operations = Operations::default();
        for body in facts.bodies_with_ops() {
            for seen in facts.seen(body) {
                let op = facts.op(seen.op);
                let site = facts.event_site(body, seen.event);
                let operation = Operation {
                    site,
                    location: op.location.map(|l| facts.location(l).name.clone()).unwrap_or_default(),
                    function: facts.function_name(body),
                    method: op.method.to_owned(),
                    kind: op.kind,
                    success: seen.orders.success.known(),
                    failure: seen.orders.failure.known(),
                };
                operations.at.entry(site).or_default().push(operation);
            }
        }
        operations
    }

    /// What is done at a site; a label may also cover more than the operation itself.
    pub fn at(&self, site: Site) -> Vec<&Operation> {
        match self.at.get(&site) {
            Some(exact) => exact.iter().collect(),
            None => {
                let inside = |s: &&Site| s.file == site.file && site.span.contains(s.span);
                self.at.keys().filter(inside).flat_map(|s| &self.at[s]).collect()
            }
        }
    }

    /// Everything that is done to a location.
    pub fn on<'a>(&'a self, location: &'a str) -> impl Iterator<Item = &'a Operation> {
        self.at.values().flatten().filter(move |o| o.location == location)
    }
}
