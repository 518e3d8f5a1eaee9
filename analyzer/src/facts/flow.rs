//! Control flow of one body: what can run after what, what always runs before what, what a branch decides.

use crate::ir::{BlockId, Body, EventId, LoopId, Terminator};

/// Predecessors, reachability and dominators of a body's blocks.
#[derive(Debug)]
pub struct Flow {
    successors: Vec<Vec<BlockId>>,
    predecessors: Vec<Vec<BlockId>>,
    /// `reach[a]` holds `b` if control can come from the end of `a` to the start of `b`.
    reach: Vec<BitSet>,
    /// `dominators[b]`: blocks on every way from the entry to `b`, itself included.
    dominators: Vec<BitSet>,
    /// `post_dominators[b]`: blocks on every way from `b` to the end.
    post_dominators: Vec<BitSet>,
    /// Position of each event in its block.
    position: Vec<u32>,
    block_of: Vec<BlockId>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct BitSet(Vec<u64>);

impl BitSet {
    fn new(n: usize, full: bool) -> Self {
        BitSet(vec![if full { u64::MAX } else { 0 }; n.div_ceil(64)])
    }

    fn insert(&mut self, i: usize) -> bool {
        let (word, bit) = (i / 64, 1 << (i % 64));
        let fresh = self.0[word] & bit == 0;
        self.0[word] |= bit;
        fresh
    }

    fn contains(&self, i: usize) -> bool {
        self.0.get(i / 64).is_some_and(|w| w & (1 << (i % 64)) != 0)
    }

    fn intersect(&mut self, other: &BitSet) {
        for (a, b) in self.0.iter_mut().zip(&other.0) {
            *a &= b;
        }
    }
}

/// The blocks that control can go to from the end of a block.
pub fn successors(term: &Terminator) -> Vec<BlockId> {
    match term {
        Terminator::Goto(b) => vec![*b],
        Terminator::Branch { then, otherwise, .. } => vec![*then, *otherwise],
        Terminator::Switch { arms, .. } => arms.iter().map(|(_, b)| *b).collect(),
        Terminator::Try { ok, error, .. } => vec![*ok, *error],
        Terminator::Return(_) | Terminator::Unreachable => Vec::new(),
    }
}

impl Flow {
    pub fn of(body: &Body) -> Flow {
        let n = body.blocks.len();
        let successors: Vec<Vec<BlockId>> =
            body.blocks.iter().map(|b| successors(&b.term).into_iter().filter(|s| s.index() < n).collect()).collect();
        let mut predecessors = vec![Vec::new(); n];
        for (i, succ) in successors.iter().enumerate() {
            for s in succ {
                predecessors[s.index()].push(BlockId(i as u32));
            }
        }
        let mut position = vec![0; body.events.len()];
        let mut block_of = vec![BlockId(0); body.events.len()];
        for (b, block) in body.blocks.iter().enumerate() {
            for (i, e) in block.events.iter().enumerate() {
                if e.index() < position.len() {
                    position[e.index()] = i as u32;
                    block_of[e.index()] = BlockId(b as u32);
                }
            }
        }
        let reach = (0..n).map(|b| reachable(&successors, b)).collect();
        let forward: Vec<usize> = (0..n).collect();
        let backward: Vec<usize> = (0..n).rev().collect();
        let dominators = dominators(&predecessors, &[0], &forward);
        // Ways into a panic do not count: what follows on every other way is what always follows. Blocks from
        // which no exit can be reached (endless loops) err on the side of `always`.
        let exits: Vec<usize> = (0..n).filter(|b| successors[*b].is_empty()).collect();
        let returns: Vec<usize> =
            exits.iter().copied().filter(|b| matches!(body.blocks[*b].term, Terminator::Return(_))).collect();
        let post_dominators =
            self::dominators(&successors, if returns.is_empty() { &exits } else { &returns }, &backward);
        Flow { successors, predecessors, reach, dominators, post_dominators, position, block_of }
    }

    pub fn successors(&self, block: BlockId) -> &[BlockId] {
        &self.successors[block.index()]
    }

    pub fn predecessors(&self, block: BlockId) -> &[BlockId] {
        &self.predecessors[block.index()]
    }

    pub fn block_of(&self, event: EventId) -> BlockId {
        self.block_of[event.index()]
    }

    /// The place of an event among those of its block.
    pub fn position(&self, event: EventId) -> usize {
        self.position[event.index()] as usize
    }

    /// Whether control can come from the end of `a` to the start of `b`.
    pub fn block_reaches(&self, a: BlockId, b: BlockId) -> bool {
        self.reach[a.index()].contains(b.index())
    }

    /// Whether `b` lies on every way to `a`… from the entry: `a` dominates `b`.
    pub fn block_dominates(&self, a: BlockId, b: BlockId) -> bool {
        self.dominators[b.index()].contains(a.index())
    }

    /// Whether every way from `b` to an exit passes `a`.
    pub fn block_post_dominates(&self, a: BlockId, b: BlockId) -> bool {
        self.post_dominators[b.index()].contains(a.index())
    }

    /// Whether `b` can run after `a` (in the same call).
    pub fn reaches(&self, a: EventId, b: EventId) -> bool {
        let (ba, bb) = (self.block_of(a), self.block_of(b));
        ba == bb && self.position[a.index()] < self.position[b.index()] || self.block_reaches(ba, bb)
    }

    /// Whether `a` always runs before `b`.
    pub fn dominates(&self, a: EventId, b: EventId) -> bool {
        let (ba, bb) = (self.block_of(a), self.block_of(b));
        if ba == bb { self.position[a.index()] < self.position[b.index()] } else { self.block_dominates(ba, bb) }
    }

    /// Whether, once `a` has run, `b` always runs (unless control leaves by a panic).
    pub fn always_followed_by(&self, a: EventId, b: EventId) -> bool {
        let (ba, bb) = (self.block_of(a), self.block_of(b));
        if ba == bb { self.position[a.index()] < self.position[b.index()] } else { self.block_post_dominates(bb, ba) }
    }

    /// Whether control can come from `a` to `b` without passing any event for which `stop` holds.
    pub fn reaches_avoiding(&self, body: &Body, a: EventId, b: EventId, stop: impl Fn(EventId) -> bool) -> bool {
        let (ba, bb) = (self.block_of(a), self.block_of(b));
        let events = |block: BlockId| &body.blocks[block.index()].events;
        let after_a = &events(ba)[self.position(a) + 1..];
        if ba == bb && self.position(a) < self.position(b) {
            return !events(ba)[self.position(a) + 1..self.position(b)].iter().any(|e| stop(*e));
        }
        if after_a.iter().any(|e| stop(*e)) {
            return false;
        }
        self.enters_avoiding(body, self.successors(ba), b, stop)
    }

    /// The same from the beginnings of blocks.
    pub fn enters_avoiding(&self, body: &Body, from: &[BlockId], to: EventId, stop: impl Fn(EventId) -> bool) -> bool {
        self.walk_avoiding(body, from, self.block_of(to), Some(self.position(to)), stop)
    }

    /// The same to the end of a block.
    pub fn passes_avoiding(&self, body: &Body, from: &[BlockId], to: BlockId, stop: impl Fn(EventId) -> bool) -> bool {
        self.walk_avoiding(body, from, to, None, stop)
    }

    fn walk_avoiding(
        &self,
        body: &Body,
        from: &[BlockId],
        to: BlockId,
        position: Option<usize>,
        stop: impl Fn(EventId) -> bool,
    ) -> bool {
        let events = |block: BlockId| &body.blocks[block.index()].events;
        let mut seen = BitSet::new(self.successors.len(), false);
        let mut queue: Vec<BlockId> = from.to_vec();
        while let Some(block) = queue.pop() {
            if !seen.insert(block.index()) {
                continue;
            }
            let end = position.filter(|_| block == to).unwrap_or(events(block).len());
            if block == to && !events(block)[..end].iter().any(|e| stop(*e)) {
                return true;
            }
            if !events(block).iter().any(|e| stop(*e)) {
                queue.extend(self.successors(block));
            }
        }
        false
    }

    /// Whether `block` runs only if control takes the edge `from → to`.
    pub fn edge_controls(&self, from: BlockId, to: BlockId, block: BlockId) -> bool {
        let others = self.successors(from).iter().filter(|s| **s == to).count();
        others == 1 && self.predecessors(to).len() == 1 && self.block_dominates(to, block)
    }

    /// Whether every way from the end of `from` to `block` enters `edge`.
    pub fn comes_only_through(&self, from: BlockId, edge: BlockId, block: BlockId) -> bool {
        if edge != block && !self.block_reaches(edge, block) {
            return false;
        }
        let mut seen = BitSet::new(self.successors.len(), false);
        seen.insert(edge.index());
        let mut queue: Vec<BlockId> = self.successors(from).to_vec();
        while let Some(at) = queue.pop() {
            if seen.insert(at.index()) {
                if at == block {
                    return false;
                }
                queue.extend(self.successors(at));
            }
        }
        true
    }

    /// Whether the branch at the end of `from` decides whether `block` runs: some successor leads there on
    /// every way, another can miss it.
    pub fn decides(&self, from: BlockId, block: BlockId) -> bool {
        let succ = self.successors(from);
        succ.len() > 1
            && succ.iter().any(|s| self.block_post_dominates(block, *s))
            && !self.block_post_dominates(block, from)
    }
}

/// Whether `inner` is `outer` or nested in it.
pub fn loop_within(body: &Body, inner: Option<LoopId>, outer: LoopId) -> bool {
    let mut at = inner;
    let mut steps = 0;
    while let Some(l) = at {
        if l == outer {
            return true;
        }
        at = body.loops.get(l.index()).and_then(|l| l.parent);
        steps += 1;
        if steps > body.loops.len() {
            return false;
        }
    }
    false
}

fn reachable(successors: &[Vec<BlockId>], from: usize) -> BitSet {
    let mut seen = BitSet::new(successors.len(), false);
    let mut queue: Vec<usize> = successors[from].iter().map(|b| b.index()).collect();
    while let Some(b) = queue.pop() {
        if seen.insert(b) {
            queue.extend(successors[b].iter().map(|b| b.index()));
        }
    }
    seen
}

/// For each block the blocks on every way to it from a root, along `edges` taken backwards.
fn dominators(edges: &[Vec<BlockId>], roots: &[usize], order: &[usize]) -> Vec<BitSet> {
    let n = edges.len();
    let mut dom: Vec<BitSet> = (0..n).map(|_| BitSet::new(n, true)).collect();
    for &r in roots.iter().filter(|r| **r < n) {
        dom[r] = BitSet::new(n, false);
        dom[r].insert(r);
    }
    let mut changed = true;
    while changed {
        changed = false;
        for &b in order.iter().filter(|b| !roots.contains(b)) {
            let mut new = BitSet::new(n, true);
            for e in &edges[b] {
                new.intersect(&dom[e.index()]);
            }
            new.insert(b);
            if new != dom[b] {
                dom[b] = new;
                changed = true;
            }
        }
    }
    dom
}
