//! Each rule is broken once, and the verifier says so.

use super::verify;
use crate::ir::*;

const SOURCE: &str = "
fn f(x: &AtomicU8, mut n: u8) {
    while n > 0 { n -= x.load(Relaxed); }
    if n == 1 { n = g(); }
    let c = || h(n);
    c(); x.store(n, Release);
}";

/// Lowers the sample, breaks it, and expects a complaint that contains `expected`.
fn check(expected: &str, breakage: impl FnOnce(&mut File)) {
    let mut file = crate::lower::lower(SOURCE, true).expect("the sample parses");
    assert_eq!(verify(&file, SOURCE.len() as u32), [""; 0]);
    breakage(&mut file);
    let problems = verify(&file, SOURCE.len() as u32);
    assert!(problems.iter().any(|p| p.contains(expected)), "{expected}: {problems:#?}");
}

fn phi(body: &mut Body) -> &mut Vec<(BlockId, ValueId)> {
    body.values
        .iter_mut()
        .find_map(|value| match &mut value.kind {
            ValueKind::Phi(operands) => Some(operands),
            _ => None,
        })
        .expect("the sample has a loop")
}

#[test]
fn spans() {
    check("bad span", |file| file.bodies[0].values[0].span = Span::new(5, 3));
    check("bad span", |file| file.items[0].span.end = 10_000);
    check("lies outside", |file| file.bodies[0].events[0].span = Span::new(0, 3));
}

#[test]
fn numbers() {
    check("uses ValueId(999)", |file| file.bodies[0].events[0].kind = EventKind::Await(ValueId(999)));
    check("LocalId(99)", |file| file.bodies[0].params[0] = LocalId(99));
    check("jump to BlockId(99)", |file| file.bodies[0].blocks[0].term = Terminator::Goto(BlockId(99)));
    check("parameter 7", |file| file.bodies[0].values[0].kind = ValueKind::Param(7));
    check("stands in no block", |file| file.bodies[0].blocks[0..].iter_mut().for_each(|b| b.events.clear()));
    check("does not name block", |file| file.bodies[0].events[0].block = BlockId(0));
    check("has no entry block", |file| file.bodies[0].blocks.clear());
    check("gives two values", |file| {
        let kind = ValueKind::Event(EventId(0));
        for _ in 0..2 {
            file.bodies[0].values.push(Value { kind: kind.clone(), span: Span::new(1, 2) });
        }
    });
}

#[test]
fn flow() {
    check("fits no block", |file| phi(&mut file.bodies[0]).truncate(1));
    check("before its definition", |file| {
        let last = ValueId(file.bodies[0].values.len() as u32);
        let store = EventId(file.bodies[0].events.len() as u32 - 1);
        file.bodies[0].values.push(Value { kind: ValueKind::Event(store), span: Span::new(1, 2) });
        file.bodies[0].events[0].kind = EventKind::Await(last);
    });
    check("jumps to the entry", |file| {
        let last = file.bodies[0].blocks.len() - 1;
        file.bodies[0].blocks[last].term = Terminator::Goto(BlockId(0));
    });
    check("two edges to one block", |file| {
        file.bodies[0].blocks[0].term =
            Terminator::Branch { cond: ValueId(0), then: BlockId(1), otherwise: BlockId(1) };
    });
}

#[test]
fn loops() {
    check("outside of it", |file| {
        let header = file.bodies[0].loops[0].header;
        file.bodies[0].blocks[header.index()].in_loop = None;
    });
    check("jumps back", |file| {
        let last = file.bodies[0].blocks.len() - 1;
        file.bodies[0].blocks[last].term = Terminator::Goto(BlockId(last as u32 - 1));
    });
}

#[test]
fn bodies() {
    check("has a parent", |file| file.bodies[0].parent = Some(BodyIdx(1)));
    check("stands before its parent", |file| file.bodies[1].parent = Some(BodyIdx(1)));
    check("is not the parent's", |file| file.bodies[1].captures[0].outer = LocalId(99));
    check("owners", |file| file.items.push(file.items[0].clone()));
    check("body of kind", |file| file.bodies[0].kind = BodyKind::Init);
}

#[test]
fn operations() {
    check("operands of load", |file| {
        for event in &mut file.bodies[0].events {
            if let EventKind::Atomic(op) = &mut event.kind {
                op.ordering = None;
            }
        }
    });
}
