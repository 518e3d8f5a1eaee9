//! Which bodies call which, closures that run in place included, and in what order they can be looked at.

use super::Facts;
use crate::ir::{Callee, EventId, EventKind};
use crate::resolve::calls::Target;
use crate::resolve::{BodyId, Program};

/// Per body: the calls that lead to bodies of the analysed crates.
pub(super) fn call_edges(program: &Program<'_>, facts: &Facts<'_>) -> Vec<Vec<(EventId, BodyId)>> {
    let mut edges: Vec<Vec<(EventId, BodyId)>> = vec![Vec::new(); program.bodies.len()];
    for (def, callers) in &facts.callers {
        if let Some(callee) = program.body_of(*def) {
            for (body, event) in callers {
                edges[body.index()].push((*event, callee));
            }
        }
    }
    for body in program.body_ids() {
        // Closures that run where they are handed over: iterator adaptors, `Option::map`, local calls.
        let Some((parent, event)) = program.closure_use(body) else { continue };
        if runs_in_place(program, parent, event) {
            edges[parent.index()].push((event, body));
        }
    }
    for body in program.body_ids() {
        for (i, e) in program.body(body).ir.events.iter().enumerate() {
            if let EventKind::Call(call) = &e.kind
                && let (Callee::Value(_), Target::Closure(c)) = (&call.callee, program.target(body, call))
            {
                edges[body.index()].push((EventId(i as u32), c));
            }
        }
    }
    for list in &mut edges {
        list.sort_unstable();
        list.dedup();
    }
    edges
}

/// Whether a closure handed to this event runs during it, on the same thread.
pub fn runs_in_place(program: &Program<'_>, body: BodyId, event: EventId) -> bool {
    match &program.body(body).ir.events[event.index()].kind {
        EventKind::Call(call) => match &call.callee {
            Callee::Method { name, .. } => matches!(
                name.as_str(),
                "map"
                    | "for_each"
                    | "and_then"
                    | "or_else"
                    | "unwrap_or_else"
                    | "map_or"
                    | "map_or_else"
                    | "filter"
                    | "filter_map"
                    | "any"
                    | "all"
                    | "find"
                    | "find_map"
                    | "position"
                    | "fold"
                    | "try_fold"
                    | "flat_map"
                    | "take_while"
                    | "skip_while"
                    | "inspect"
                    | "ok_or_else"
                    | "get_or_insert_with"
                    | "get_or_init"
                    | "call_once"
                    | "call_once_force"
                    | "with"
                    | "with_mut"
                    | "with_borrow"
                    | "with_borrow_mut"
                    | "or_insert_with"
                    | "retain"
                    | "sum"
                    | "then"
                    | "is_some_and"
                    | "is_ok_and"
                    | "map_err"
            ),
            _ => false,
        },
        _ => false,
    }
}

/// Strongly connected components of the call graph, callees first (Tarjan, without recursion).
pub(super) fn components(n: usize, edges: &[Vec<(EventId, BodyId)>]) -> Vec<Vec<BodyId>> {
    const NEW: u32 = u32::MAX;
    let mut index = vec![NEW; n];
    let mut low = vec![0; n];
    let mut on_stack = vec![false; n];
    let mut stack = Vec::new();
    let mut out = Vec::new();
    let mut next = 0;
    for start in 0..n {
        if index[start] != NEW {
            continue;
        }
        let mut work = vec![(start, 0)];
        while let Some(&mut (v, ref mut edge)) = work.last_mut() {
            if *edge == 0 && index[v] == NEW {
                index[v] = next;
                low[v] = next;
                next += 1;
                stack.push(v);
                on_stack[v] = true;
            }
            if let Some((_, w)) = edges[v].get(*edge) {
                *edge += 1;
                let w = w.index();
                if index[w] == NEW {
                    work.push((w, 0));
                } else if on_stack[w] {
                    low[v] = low[v].min(index[w]);
                }
                continue;
            }
            work.pop();
            if let Some((parent, _)) = work.last() {
                low[*parent] = low[*parent].min(low[v]);
            }
            if low[v] == index[v] {
                let mut component = Vec::new();
                while let Some(w) = stack.pop() {
                    on_stack[w] = false;
                    component.push(BodyId(w as u32));
                    if w == v {
                        break;
                    }
                }
                component.sort_unstable();
                out.push(component);
            }
        }
    }
    out
}
