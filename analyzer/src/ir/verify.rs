//! The rules that every lowered file keeps.

#[cfg(test)]
mod tests;

use super::{
    Base, BlockId, Body, BodyIdx, BodyKind, EventId, EventKind, File, Item, ItemKind, LocalId, LoopId, Span, ValueId,
    ValueKind, operands,
};
use crate::ir::AtomicOpKind;

/// Checks a file of `text_len` bytes and describes what is wrong with it; empty if nothing is.
///
/// Spans
/// 1. Every span starts before it ends and lies within the text.
/// 2. An event lies within its body, unless the body or the event came out of a `macro_rules!` (the span of a
///    substituted token is in the invocation, of a template token in the definition).
///
/// Numbers
/// 3. Every index of a block, value, local, loop, event or body is in range.
/// 4. A body has an entry block, and at most one local for each parameter; parameter and capture values count up
///    to the parameters and captures that there are.
/// 5. Every event stands in exactly one block, the one it names, and events of a block are in ascending order.
///    No event gives two values.
///
/// Flow
/// 6. A phi has one operand for each predecessor of some block, in a block that is reached.
/// 7. An operand is defined before it is used: on every way from the entry to the use, but for the right operand
///    of `&&` and `||` (which the left one decides), for phis (defined at the end of the predecessor) and for
///    blocks that are not reached.
/// 8. The targets of a terminator are distinct, and none is the entry.
///
/// Loops
/// 9. Parents come before their loops; a header belongs to its loop; a block that a loop's block jumps back to is
///    the header of that loop or of one around it.
///
/// Bodies
/// 10. A closure or `async` block has a parent with a smaller index, unless it stands in an item without a body; a
///     function or initialiser has none. Captures refer to locals and values of the parent.
/// 11. Every function, static and const of the items names a body of its kind, and no body has two owners.
///
/// Operations
/// 12. The operands of an atomic operation are at least as many as its kind takes, with its orderings.
pub fn verify(file: &File, text_len: u32) -> Vec<String> {
    let mut out =
        Verifier { file, text_len, errors: Vec::new(), templates: Vec::new(), owners: vec![0; file.bodies.len()] };
    out.file();
    out.errors
}

struct Verifier<'f> {
    file: &'f File,
    text_len: u32,
    errors: Vec<String>,
    /// `macro_rules!` definitions.
    templates: Vec<Span>,
    owners: Vec<u32>,
}

impl Verifier<'_> {
    fn error(&mut self, place: &str, what: String) {
        if self.errors.len() < 100 {
            self.errors.push(format!("{place}: {what}"));
        }
    }

    fn file(&mut self) {
        let file = self.file;
        self.items(&file.items, "file");
        for (index, body) in file.bodies.iter().enumerate() {
            self.items(&body.items, &format!("body {index}"));
        }
        for skipped in &file.skipped {
            self.span(skipped.span, "skipped");
        }
        for index in 0..file.bodies.len() {
            self.body(index);
        }
        for (index, owners) in self.owners.clone().into_iter().enumerate() {
            if owners > 1 {
                self.error(&format!("body {index}"), format!("has {owners} owners"));
            }
        }
    }

    fn span(&mut self, span: Span, place: &str) {
        if span.start > span.end || span.end > self.text_len {
            self.error(place, format!("bad span {span:?} of {}", self.text_len));
        }
    }

    fn items(&mut self, items: &[Item], place: &str) {
        for item in items {
            let place = format!("{place}, item {:?} at {}", item.name, item.span.start);
            self.span(item.span, &place);
            self.span(item.name_span, &place);
            for attr in &item.attrs {
                self.span(attr.span, &place);
            }
            match &item.kind {
                ItemKind::Mod(module) => {
                    self.items(module.items.as_deref().unwrap_or(&[]), &place);
                }
                ItemKind::Trait { items, .. } => self.items(items, &place),
                ItemKind::Impl(i) => self.items(&i.items, &place),
                ItemKind::Static { init, .. } | ItemKind::Const { init, .. } => {
                    self.owns(*init, BodyKind::Init, &place);
                }
                ItemKind::Fn(function) => {
                    self.span(function.sig_span, &place);
                    self.owns(function.body, BodyKind::Fn, &place);
                }
                ItemKind::Struct(s) | ItemKind::Union(s) => {
                    for field in &s.fields {
                        self.span(field.span, &place);
                        self.span(field.name_span, &place);
                        self.span(field.ty_span, &place);
                    }
                }
                ItemKind::MacroRules => self.templates.push(item.span),
                _ => {}
            }
        }
    }

    fn owns(&mut self, body: Option<BodyIdx>, kind: BodyKind, place: &str) {
        let Some(idx) = body else {
            return;
        };
        match self.file.bodies.get(idx.0 as usize) {
            Some(body) if body.kind == kind => self.owners[idx.0 as usize] += 1,
            Some(body) => self.error(place, format!("has a body of kind {:?}", body.kind)),
            None => self.error(place, format!("body {idx:?} does not exist")),
        }
    }

    fn in_template(&self, span: Span) -> bool {
        self.templates.iter().any(|t| t.contains(span))
    }

    fn body(&mut self, index: usize) {
        let body = &self.file.bodies[index];
        let place = format!("body {index} at {}", body.span.start);
        self.span(body.span, &place);
        if body.blocks.is_empty() {
            self.error(&place, "has no entry block".to_owned());
            return;
        }
        let before = self.errors.len();
        self.parent(body, index, &place);
        self.indices(body, &place);
        if self.errors.len() > before {
            // The flow cannot be followed with indices out of range.
            return;
        }
        self.blocks(body, &place);
        self.loops(body, &place);
        self.spans(body, &place);
        self.arity(body, &place);
        let flow = Flow::new(body);
        for what in flow.problems(body) {
            self.error(&place, what);
        }
    }

    fn parent(&mut self, body: &Body, index: usize, place: &str) {
        let is_inner = matches!(body.kind, BodyKind::Closure { .. } | BodyKind::AsyncBlock { .. });
        match body.parent {
            Some(_) if !is_inner => self.error(place, "has a parent".to_owned()),
            Some(parent) if parent.0 as usize >= index => {
                self.error(place, format!("stands before its parent {parent:?}"));
            }
            None if is_inner && !body.captures.is_empty() => {
                self.error(place, "captures from nowhere".to_owned());
            }
            Some(parent) => {
                let Some(parent) = self.file.bodies.get(parent.0 as usize) else {
                    return;
                };
                for capture in &body.captures {
                    if capture.outer.index() >= parent.locals.len() || capture.value.index() >= parent.values.len() {
                        self.error(place, format!("capture {capture:?} is not the parent's"));
                    }
                }
            }
            None => {}
        }
    }

    fn indices(&mut self, body: &Body, place: &str) {
        let mut bad = Vec::new();
        let mut value = |v: &ValueId, whose: String| {
            if v.index() >= body.values.len() {
                bad.push(format!("{whose} uses {v:?}"));
            }
        };
        for (index, v) in body.values.iter().enumerate() {
            operands::of_value(&v.kind, &mut |v| value(v, format!("value {index}")));
        }
        for (index, event) in body.events.iter().enumerate() {
            operands::of_event(&event.kind, &mut |v| value(v, format!("event {index}")));
        }
        for (index, block) in body.blocks.iter().enumerate() {
            operands::of_terminator(&block.term, &mut |v| value(v, format!("block {index}")));
        }
        for l in &body.loops {
            l.iterates.iter().for_each(|v| value(v, "loop".to_owned()));
        }
        let locals = body.params.iter().chain(body.captures.iter().map(|c| &c.local));
        for local in locals {
            local_in_range(body, *local, &mut bad);
        }
        for v in &body.values {
            self.value_indices(body, &v.kind, &mut bad);
        }
        for event in &body.events {
            if event.block.index() >= body.blocks.len() {
                bad.push(format!("event in {:?}", event.block));
            }
            match &event.kind {
                EventKind::Assign { local, .. } | EventKind::ScopeEnd(local) => {
                    local_in_range(body, *local, &mut bad);
                }
                _ => {}
            }
        }
        for block in &body.blocks {
            for to in block.term.successors() {
                if to.index() >= body.blocks.len() {
                    bad.push(format!("jump to {to:?}"));
                }
            }
            loop_in_range(body, block.in_loop, &mut bad);
        }
        for local in &body.locals {
            if local.declared_in.index() >= body.blocks.len() {
                bad.push(format!("local declared in {:?}", local.declared_in));
            }
            loop_in_range(body, local.in_loop, &mut bad);
            if local.init.is_some_and(|v| v.index() >= body.values.len()) {
                bad.push(format!("local starts as {:?}", local.init));
            }
        }
        for l in &body.loops {
            if l.header.index() >= body.blocks.len() {
                bad.push(format!("loop header {:?}", l.header));
            }
            loop_in_range(body, l.parent, &mut bad);
        }
        for what in bad {
            self.error(place, what);
        }
    }

    fn value_indices(&self, body: &Body, kind: &ValueKind, bad: &mut Vec<String>) {
        match kind {
            ValueKind::Param(index) if *index as usize >= body.params.len() => {
                bad.push(format!("parameter {index}"));
            }
            ValueKind::Capture(index) if *index as usize >= body.captures.len() => {
                bad.push(format!("capture {index}"));
            }
            ValueKind::Event(event) | ValueKind::Mutated { by: event, .. } if event.index() >= body.events.len() => {
                bad.push(format!("result of {event:?}"));
            }
            ValueKind::Closure(idx) | ValueKind::AsyncBlock(idx) if idx.0 as usize >= self.file.bodies.len() => {
                bad.push(format!("closure {idx:?}"));
            }
            ValueKind::Phi(operands) => {
                for (from, _) in operands {
                    if from.index() >= body.blocks.len() {
                        bad.push(format!("phi operand from {from:?}"));
                    }
                }
            }
            ValueKind::Read(place) | ValueKind::Ref { place, .. } | ValueKind::RawRef { place, .. } => {
                if let Base::Local(local, _) = place.base {
                    local_in_range(body, local, bad);
                }
            }
            _ => {}
        }
    }

    fn blocks(&mut self, body: &Body, place: &str) {
        let mut seen = vec![false; body.events.len()];
        for (index, block) in body.blocks.iter().enumerate() {
            let mut last: Option<EventId> = None;
            for &event in &block.events {
                match seen.get_mut(event.index()) {
                    Some(seen) if !*seen => *seen = true,
                    _ => self.error(place, format!("{event:?} stands in two blocks")),
                }
                if body.events.get(event.index()).map(|e| e.block) != Some(BlockId(index as u32)) {
                    self.error(place, format!("{event:?} does not name block {index}"));
                }
                if last.is_some_and(|last| last >= event) {
                    self.error(place, format!("{event:?} is out of order in block {index}"));
                }
                last = Some(event);
            }
            let mut targets = block.term.successors();
            if targets.contains(&BlockId(0)) {
                self.error(place, format!("block {index} jumps to the entry"));
            }
            let count = targets.len();
            targets.sort();
            targets.dedup();
            if targets.len() != count {
                self.error(place, format!("block {index} has two edges to one block"));
            }
        }
        for event in seen.iter().enumerate().filter(|(_, seen)| !**seen) {
            self.error(place, format!("event {} stands in no block", event.0));
        }
        let mut results = vec![0; body.events.len()];
        for value in &body.values {
            if let ValueKind::Event(event) = value.kind {
                results[event.index()] += 1;
            }
        }
        if let Some(event) = results.iter().position(|count| *count > 1) {
            self.error(place, format!("event {event} gives two values"));
        }
    }

    fn loops(&mut self, body: &Body, place: &str) {
        let within = |mut inner: Option<LoopId>, outer: LoopId| {
            while let Some(at) = inner {
                if at == outer {
                    return true;
                }
                inner = body.loops.get(at.index()).and_then(|l| l.parent);
            }
            false
        };
        for (index, l) in body.loops.iter().enumerate() {
            self.span(l.span, place);
            if l.parent.is_some_and(|parent| parent.index() >= index) {
                self.error(place, format!("loop {index} stands before its parent"));
                return;
            }
            if body.blocks[l.header.index()].in_loop != Some(LoopId(index as u32)) {
                self.error(place, format!("the header of loop {index} is outside of it"));
            }
        }
        for (index, block) in body.blocks.iter().enumerate() {
            for to in block.term.successors() {
                let header = body.loops.iter().position(|l| l.header == to);
                let enters = to.index() <= index;
                match header {
                    Some(l) if enters && !within(block.in_loop, LoopId(l as u32)) => {
                        self.error(place, format!("block {index} jumps back from outside"));
                    }
                    None if enters && reaches(body, to, BlockId(index as u32)) => {
                        self.error(place, format!("block {index} jumps back to no header"));
                    }
                    _ => {}
                }
            }
        }
    }

    fn spans(&mut self, body: &Body, place: &str) {
        let free = self.in_template(body.span);
        for (index, event) in body.events.iter().enumerate() {
            self.span(event.span, place);
            if !free && !body.span.contains(event.span) && !self.in_template(event.span) {
                self.error(place, format!("event {index} lies outside: {:?}", event.span));
            }
        }
        for value in &body.values {
            self.span(value.span, place);
        }
        for local in &body.locals {
            self.span(local.span, place);
        }
    }

    fn arity(&mut self, body: &Body, place: &str) {
        for (index, event) in body.events.iter().enumerate() {
            let EventKind::Atomic(op) = &event.kind else {
                continue;
            };
            let (args, failure) = match op.kind {
                AtomicOpKind::Load => (0, false),
                AtomicOpKind::Cas { .. } => (2, op.method.starts_with("compare_exchange")),
                AtomicOpKind::Update => (1, true),
                _ if op.method == "fetch_not" => (0, false),
                _ => (1, false),
            };
            if op.args.len() < args || op.ordering.is_none() || (failure && op.failure.is_none()) {
                self.error(place, format!("event {index}: operands of {} missing", op.method));
            }
        }
    }
}

fn local_in_range(body: &Body, local: LocalId, bad: &mut Vec<String>) {
    if local.index() >= body.locals.len() {
        bad.push(format!("{local:?}"));
    }
}

fn loop_in_range(body: &Body, l: Option<LoopId>, bad: &mut Vec<String>) {
    if let Some(l) = l.filter(|l| l.index() >= body.loops.len()) {
        bad.push(format!("{l:?}"));
    }
}

/// Whether `to` can be reached from `from`.
fn reaches(body: &Body, from: BlockId, to: BlockId) -> bool {
    let mut seen = vec![false; body.blocks.len()];
    let mut work = vec![from];
    while let Some(at) = work.pop() {
        if at == to {
            return true;
        }
        if !std::mem::replace(&mut seen[at.index()], true) {
            work.extend(body.blocks[at.index()].term.successors());
        }
    }
    false
}

/// Reachability and dominance of one body (*Cooper, Harvey, Kennedy: A Simple, Fast Dominance Algorithm*).
struct Flow {
    preds: Vec<Vec<BlockId>>,
    /// Position in reverse postorder; `None` where control does not come.
    order: Vec<Option<usize>>,
    idom: Vec<BlockId>,
}

/// Where something is defined: a block, and how many of its events came before.
type Point = (BlockId, usize);

impl Flow {
    fn new(body: &Body) -> Self {
        let postorder = postorder(body);
        let mut order = vec![None; body.blocks.len()];
        for (position, block) in postorder.iter().rev().enumerate() {
            order[block.index()] = Some(position);
        }
        let mut preds = vec![Vec::new(); body.blocks.len()];
        for (index, block) in body.blocks.iter().enumerate() {
            if order[index].is_some() {
                for to in block.term.successors() {
                    preds[to.index()].push(BlockId(index as u32));
                }
            }
        }
        let mut flow = Flow { idom: vec![BlockId(0); body.blocks.len()], preds, order };
        flow.find_dominators(&postorder);
        flow
    }

    fn find_dominators(&mut self, postorder: &[BlockId]) {
        let mut known = vec![false; self.idom.len()];
        known[0] = true;
        let mut changed = true;
        while changed {
            changed = false;
            for &block in postorder.iter().rev().skip(1) {
                let mut idom = None;
                for &pred in &self.preds[block.index()] {
                    if known[pred.index()] {
                        idom = Some(match idom {
                            None => pred,
                            Some(other) => self.common(pred, other),
                        });
                    }
                }
                if let Some(idom) = idom
                    && (!known[block.index()] || self.idom[block.index()] != idom)
                {
                    self.idom[block.index()] = idom;
                    known[block.index()] = true;
                    changed = true;
                }
            }
        }
    }

    fn common(&self, mut a: BlockId, mut b: BlockId) -> BlockId {
        while a != b {
            if self.order[a.index()] > self.order[b.index()] {
                a = self.idom[a.index()];
            } else {
                b = self.idom[b.index()];
            }
        }
        a
    }

    fn dominates(&self, a: BlockId, mut b: BlockId) -> bool {
        loop {
            if a == b {
                return true;
            }
            if b == BlockId(0) {
                return false;
            }
            b = self.idom[b.index()];
        }
    }

    fn precedes(&self, definition: Point, usage: Point) -> bool {
        let (block, at) = definition;
        match block == usage.0 {
            true => at <= usage.1,
            false => self.dominates(block, usage.0),
        }
    }

    fn problems(&self, body: &Body) -> Vec<String> {
        let mut out = Vec::new();
        let defined = self.definitions(body, &mut out);
        let mut check = |v: ValueId, usage: Point, what: String| {
            if self.order[usage.0.index()].is_none() {
                return;
            }
            if let Some(definition) = defined[v.index()]
                && !self.precedes(definition, usage)
            {
                out.push(format!("{what} uses {v:?} before its definition"));
            }
        };
        for (index, block) in body.blocks.iter().enumerate() {
            let block_id = BlockId(index as u32);
            for (position, event) in block.events.iter().enumerate() {
                operands::of_event(&body.events[event.index()].kind, &mut |v| {
                    check(*v, (block_id, position), format!("{event:?}"));
                });
            }
            operands::of_terminator(&block.term, &mut |v| {
                let end = (block_id, block.events.len());
                check(*v, end, format!("the end of block {index}"));
            });
        }
        for (index, value) in body.values.iter().enumerate() {
            if let ValueKind::Phi(incoming) = &value.kind {
                for (from, v) in incoming {
                    let end = (*from, body.blocks[from.index()].events.len());
                    check(*v, end, format!("phi {index}"));
                }
            }
        }
        out
    }

    /// The earliest point at which each value is known; `None` for those that nothing defines (constants) or
    /// that stand where control does not come.
    fn definitions(&self, body: &Body, out: &mut Vec<String>) -> Vec<Option<Point>> {
        let mut position = vec![(BlockId(0), 0); body.events.len()];
        for (index, block) in body.blocks.iter().enumerate() {
            for (at, event) in block.events.iter().enumerate() {
                position[event.index()] = (BlockId(index as u32), at + 1);
            }
        }
        let mut points: Vec<Option<Point>> = vec![None; body.values.len()];
        for (index, value) in body.values.iter().enumerate() {
            if let ValueKind::Phi(incoming) = &value.kind {
                points[index] = self.phi_block(incoming).map(|block| (block, 0));
                let reached = incoming.iter().any(|(from, _)| self.order[from.index()].is_some());
                if points[index].is_none() && reached {
                    out.push(format!("phi {index} fits no block"));
                }
            }
        }
        // Operands have smaller numbers, but for those of phis and of what renaming moved.
        for _ in 0..2 {
            for (index, value) in body.values.iter().enumerate() {
                if matches!(value.kind, ValueKind::Phi(_)) {
                    continue;
                }
                let mut point = match value.kind {
                    ValueKind::Event(event) | ValueKind::Mutated { by: event, .. } => Some(position[event.index()]),
                    _ => None,
                };
                if let ValueKind::Binary(super::BinOp::And | super::BinOp::Or, left, _) = value.kind {
                    points[index] = points[left.index()];
                    continue;
                }
                operands::of_value(&value.kind, &mut |v| {
                    point = self.later(point, points[v.index()]);
                });
                points[index] = point.filter(|(block, _)| self.order[block.index()].is_some());
            }
        }
        points
    }

    /// The later of two points of which one comes before the other.
    fn later(&self, a: Option<Point>, b: Option<Point>) -> Option<Point> {
        match (a, b) {
            (Some(a), Some(b)) => Some(if self.precedes(a, b) { b } else { a }),
            (a, b) => a.or(b),
        }
    }

    /// The block whose predecessors are those of the operands.
    fn phi_block(&self, incoming: &[(BlockId, ValueId)]) -> Option<BlockId> {
        let mut from: Vec<BlockId> = incoming.iter().map(|(from, _)| *from).collect();
        from.sort();
        self.preds
            .iter()
            .position(|preds| {
                // Predecessors are collected in ascending order.
                *preds == from
            })
            .map(|block| BlockId(block as u32))
    }
}

fn postorder(body: &Body) -> Vec<BlockId> {
    let mut order = Vec::new();
    let mut seen = vec![false; body.blocks.len()];
    let mut stack = vec![(BlockId(0), 0)];
    seen[0] = true;
    while let Some((block, next)) = stack.pop() {
        let successors = body.blocks[block.index()].term.successors();
        match successors.get(next) {
            Some(&to) => {
                stack.push((block, next + 1));
                if !std::mem::replace(&mut seen[to.index()], true) {
                    stack.push((to, 0));
                }
            }
            None => order.push(block),
        }
    }
    order
}
