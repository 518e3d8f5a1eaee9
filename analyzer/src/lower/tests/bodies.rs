//! Statements and expressions as events, values and edges.

use super::{check, check_fn};

#[test]
fn variables_become_values() {
    insta::assert_snapshot!(check("fn f(x: &A, mut n: u64) -> u64 { let a = x.load(Relaxed); n += a; let n2 = n; x.store(n2 + 1, Release); n }"), @"
    body 0 Fn
      b0:
        #0 Load x(Relaxed)
        #1 n := Add(n, #0)
        #2 Store x(Add(Add(n, #0), 1), Release)
        return Add(n, #0)
    ");
}

#[test]
fn a_cas_loop_has_a_phi_for_what_is_retried() {
    insta::assert_snapshot!(check_fn("
        let mut cur = self.n.load(Relaxed);
        loop {
            let new = cur + 1;
            match self.n.compare_exchange_weak(cur, new, AcqRel, Relaxed) {
                Ok(_) => break cur,
                Err(now) => cur = now,
            }
        };"), @"
    body 0 Fn
      b0:
        #0 Load self.n(Relaxed)
        goto b1
      b1: [Loop header]
        #1 Cas { weak: true } self.n(φ2(b0: #0, b4: #1→Err.0), Add(φ2(b0: #0, b4: #1→Err.0), 1), AcqRel, Relaxed)
        match #1: Ok { 0: _ } b2, Err { 0: _ } b3
      b2: [Loop]
        #2 end new
        goto b5
      b3: [Loop]
        #3 cur := #1→Err.0
        #4 end now
        goto b4
      b4: [Loop]
        #5 end new
        goto b1
      b5:
        return
    ");
}

#[test]
fn while_and_while_let() {
    insta::assert_snapshot!(check_fn("while !FLAG.load(Acquire) { spin_loop(); } while let Err(v) = x.compare_exchange(a, b, SeqCst, SeqCst) { g(v); }"), @"
    body 0 Fn
      b0:
        goto b1
      b1: [While header]
        #0 Load FLAG(Acquire)
        if !#0 b2 else b3
      b2: [While]
        #1 call spin_loop()
        goto b1
      b3:
        goto b4
      b4: [While header]
        #2 Cas { weak: false } x(a, b, SeqCst, SeqCst)
        if #2 is Err { 0: _ } b5 else b6
      b5: [While]
        #3 call g(#2→Err.0)
        #4 end v
        goto b4
      b6:
        return
    ");
}

#[test]
fn for_loops_yield_items() {
    insta::assert_snapshot!(check_fn("for (i, s) in self.shards.iter().enumerate() { if i == 3 { continue; } s.n.fetch_add(1, Relaxed); }"), @"
    body 0 Fn
      b0:
        #0 call self.shards.iter()
        #1 call <#0>.enumerate()
        goto b1
      b1: [For header]
        if ? b2 else b5
      b2: [For]
        if Eq(item of #1→0, 3) b3 else b4
      b3: [For]
        #2 end s
        #3 end i
        goto b1
      b4: [For]
        #4 FetchAdd s=item of #1→1.n(1, Relaxed)
        #5 end s
        #6 end i
        goto b1
      b5:
        return
    ");
}

#[test]
fn labels_and_break_values() {
    insta::assert_snapshot!(check_fn("
        let v = 'a: loop { loop { if p() { break 'a 1; } if q() { continue 'a; } break; } };
        let w = 'b: { if v == 1 { break 'b 2; } 3 };
        g(w);"), @"
    body 0 Fn
      b0:
        goto b1
      b1: [Loop header]
        goto b2
      b2: [Loop header]
        #0 call p()
        if #0 b3 else b4
      b3: [Loop]
        goto b8
      b4: [Loop]
        #1 call q()
        if #1 b5 else b6
      b5: [Loop]
        goto b1
      b6: [Loop]
        goto b7
      b7: [Loop]
        goto b1
      b8:
        if Eq(1, 1) b9 else b10
      b9:
        goto b11
      b10:
        goto b11
      b11:
        #2 call g(φ8(b9: 2, b10: 3))
        return
    ");
}

#[test]
fn conditions_branch_lazily() {
    insta::assert_snapshot!(check_fn("if a() && !(b() || c()) { d() } else if let Some(x) = e() && x > 1 { g(x) } else { h() }; let z = p() || q(); r(z);"), @"
    body 0 Fn
      b0:
        #0 call a()
        if #0 b1 else b4
      b1:
        #1 call b()
        if #1 b4 else b2
      b2:
        #2 call c()
        if #2 b4 else b3
      b3:
        #3 call d()
        goto b8
      b4:
        #4 call e()
        if #4 is Some { 0: _ } b5 else b7
      b5:
        if Gt(#4→Some.0, 1) b6 else b7
      b6:
        #5 call g(#4→Some.0)
        #6 end x
        goto b8
      b7:
        #7 call h()
        goto b8
      b8:
        #8 call p()
        if #8 b10 else b9
      b9:
        #9 call q()
        goto b10
      b10:
        #10 call r(Or(#8, #9))
        return
    ");
}

#[test]
fn a_match_with_guards_tries_the_remaining_arms() {
    insta::assert_snapshot!(check_fn("match x { Some(n) if n > 1 => a(n), Some(0) => b(), Some(_) | None => c(), }"), @"
    body 0 Fn
      b0:
        match x: Some { 0: _ } b1, Some { 0: 0 } b4, Some { 0: _ } | None b5
      b1:
        if Gt(x→Some.0, 1) b3 else b2
      b2:
        match x: Some { 0: 0 } b4, Some { 0: _ } | None b5
      b3:
        #0 call a(x→Some.0)
        #1 end n
        goto b6
      b4:
        #2 call b()
        goto b6
      b5:
        #3 call c()
        goto b6
      b6:
        return φ7(b3: #0, b4: #2, b5: #3)
    ");
}

#[test]
fn let_else_and_question_mark_leave() {
    insta::assert_snapshot!(check_fn("let Some(a) = b()? else { return None; }; g(a)"), @"
    body 0 Fn
      b0:
        #0 call b()
        try #0 b2 else b1
      b1:
        return #0
      b2:
        if #0→Ok.0 is Some { 0: _ } b4 else b3
      b3:
        return None
      b4:
        #1 call g(#0→Ok.0→Some.0)
        return #1
    ");
}

#[test]
fn patterns_take_values_apart() {
    insta::assert_snapshot!(check_fn("let (a, b) = (p(), q()); let S { x, y: Some(z), .. } = r(); let [f, .., l] = s(); let (Ok(v) | Err(v)) = t(); let n @ 1..=2 = u(); g(a, b, x, z, f, l, v, n);"), @"
    body 0 Fn
      b0:
        #0 call p()
        #1 call q()
        #2 call r()
        #3 call s()
        #4 call t()
        #5 call u()
        #6 call g(#0, #1, #2→x, #2→y→Some.0, #3→0, ?, #4→Ok.0, #5)
        return
    ");
}

#[test]
fn fields_are_read_and_written_as_places() {
    insta::assert_snapshot!(check("impl S { fn f(&mut self, i: usize) { self.a.b = self.c[i + 1]; self.n += 1; *self.p = 1; (self.x, _) = g(); let r = &mut self.q; h(r, &self.c[0]); } }"), @"
    body 0 Fn
      b0:
        #0 read self.c[Add(i, 1)]
        #1 self.a.b = read self.c[Add(i, 1)]
        #2 read self.n
        #3 self.n = Add(read self.n, 1)
        #4 (*self.p) = 1
        #5 call g()
        #6 self.x = #5→0
        #7 borrow mut self.q
        #8 borrow self.c[0]
        #9 call h(&mut self.q, &self.c[0])
        return
    ");
}

#[test]
fn a_mutable_borrow_changes_the_variable() {
    insta::assert_snapshot!(check_fn("let mut x = 1; g(&mut x); let mut v = a(); v.push(x); h(v, &raw const x);"), @"
    body 0 Fn
      b0:
        #0 borrow mut x=1
        #1 call g(&mut x=1)
        #2 call a()
        #3 call v=#2.push(1 after #0)
        #4 borrow raw x=1 after #0
        #5 call h(#2 after #3, &raw x=1 after #0)
        return
    ");
}

#[test]
fn receivers_of_many_shapes() {
    insta::assert_snapshot!(check_fn("
        (*ptr).field.load(Acquire);
        unsafe { &*ptr }.x.load(Acquire);
        self.inner
            // which one
            .state
            .0[k]
            .store(1, Ordering::Release);
        get()[0].x.swap(2, atomic::Ordering::AcqRel);
        (&x).fetch_or(1, SeqCst);
        STATE.fetch_update(SeqCst, Relaxed, |v| Some(v + 1));
        AtomicUsize::load(&self.n, Relaxed);
        atomic::AtomicBool::store(flag, true, Release);
    "), @"
    body 0 Fn
      b0:
        #0 Load (*ptr).field(Acquire)
        #1 borrow (*ptr) unsafe
        #2 Load <&(*ptr)>.x(Acquire)
        #3 Store self.inner.state.0[k](1, Release)
        #4 call get()
        #5 Swap <#4>[0].x(2, AcqRel)
        #6 borrow x
        #7 FetchOr <&x>(1, SeqCst)
        #8 Update STATE(closure 1, SeqCst, Relaxed)
        #9 Load self.n(Relaxed)
        #10 Store flag(true, Release)
        return
    body 1 Closure { is_move: false, is_async: false } in 0
      b0:
        return Some { 0: Add(v, 1) }
    ");
}

#[test]
fn what_is_an_atomic_operation_and_what_not() {
    insta::assert_snapshot!(check("fn f(o: Ordering, load_order: T, n: usize) {
        a.load(o); a.load(load_order); a.load(LOAD); a.store(1, Self::ORDER); a.swap(1, ordering());
        a.load(if x { Acquire } else { Relaxed }); a.load(match x { A => SeqCst, _ => Relaxed });
        a.compare_exchange(1, 2, o, n); a.fetch_add(1, n); a.compare_and_swap(1, 2, n);
        a.compare_and_set(c, d, (AcqRel, Relaxed), &guard); a.load(Acquire, &guard); a.bit_set(1, Relaxed);
        fence(SeqCst); atomic::compiler_fence(o); fence(n);
        a.load(n); a.load(); a.load(1); a.load(path); a.store(1); v.swap(i, j); a.add(1); a.update(|x| x);
    }"), @"
    body 0 Fn
      b0:
        #0 Load a(o)
        #1 Load a(load_order)
        #2 Load a(LOAD)
        #3 Store a(1, Self::ORDER)
        #4 call ordering()
        #5 Swap a(1, #4)
        if x b1 else b2
      b1:
        goto b3
      b2:
        goto b3
      b3:
        #6 Load a(φ16(b1: Acquire, b2: Relaxed))
        match x: A b4, _ b5
      b4:
        goto b6
      b5:
        goto b6
      b6:
        #7 Load a(φ21(b4: SeqCst, b5: Relaxed))
        #8 Cas { weak: false } a(1, 2, o, n)
        #9 FetchAdd a(1, n)
        #10 Cas { weak: false } a(1, 2, n)
        #11 borrow guard
        #12 Cas { weak: false } a(c, d, &guard, AcqRel, Relaxed)
        #13 borrow guard
        #14 Load a(&guard, Acquire)
        #15 FetchOr a(1, Relaxed)
        #16 fence SeqCst
        #17 compiler fence o
        #18 call fence(n)
        #19 call a.load(n)
        #20 call a.load()
        #21 call a.load(1)
        #22 call a.load(path)
        #23 call a.store(1)
        #24 call v.swap(i, j)
        #25 call a.add(1)
        #26 call a.update(closure 1)
        return
    body 1 Closure { is_move: false, is_async: false } in 0
      b0:
        return x
    ");
}

#[test]
fn closures_capture_what_they_name() {
    insta::assert_snapshot!(check("fn f(a: A, n: &N) { let mut c = 1; let mut d = 2; let x = a;
        g(|k| { c += k; d.len(); let x = 3; n.load(Relaxed); x });
        spawn(move || async move { x.store(c, Relaxed); inner().await });
        h(c, d); }"), @"
    body 0 Fn
      b0:
        #0 call g(closure 1)
        #1 call spawn(closure 2)
        #2 call h(?, 2)
        return
    body 1 Closure { is_move: false, is_async: false } in 0
      capture c = outer l2 v2, mutated
      capture d = outer l3 v4
      capture n = outer l1 v1
      b0:
        #0 c := Add(c, k)
        #1 call d.len()
        #2 Load n(Relaxed)
        #3 end x
        return 3
    body 2 Closure { is_move: true, is_async: false } in 0
      capture x = outer l4 v0
      capture c = outer l2 v5
      b0:
        return async 3
    body 3 AsyncBlock { is_move: true } in 2
      capture x = outer l0 v0
      capture c = outer l1 v1
      b0:
        #0 Store x(c, Relaxed)
        #1 call inner()
        #2 await #1
        return #2
    ");
}

#[test]
fn async_blocks_and_await() {
    insta::assert_snapshot!(check("async fn f(x: X) { let t = async { x.get().await? }; t.await; }"), @"
    body 0 Fn
      b0:
        #0 await async 1
        return
    body 1 AsyncBlock { is_move: false } in 0
      capture x = outer l0 v0
      b0:
        #0 call x.get()
        #1 await #0
        try #1 b2 else b1
      b1:
        return #1
      b2:
        return #1→Ok.0
    ");
}

#[test]
fn unsafe_is_marked() {
    insta::assert_snapshot!(check("unsafe fn f() { a(); } fn g() { unsafe { b(); || c(); } d(); }"), @"
    body 0 Fn
      b0:
        #0 call a() unsafe
        return
    body 1 Fn
      b0:
        #0 call b() unsafe
        #1 call d()
        return
    body 2 Closure { is_move: false, is_async: false } in 1
      b0:
        #0 call c() unsafe
        return #0
    ");
}

#[test]
fn constructors_are_values_and_functions_are_events() {
    insta::assert_snapshot!(check_fn("let f = g; f(Some(1), Foo::new(S { a: 1, ..d }), [0; 4], (1, 2.5), Wrapper(x)); (self.cb)(1..=2, -1, !p, n as u8);"), @"
    body 0 Fn
      b0:
        #0 call Foo::new(S { a: 1, ..d })
        #1 call <g>(Some { 0: 1 }, #0, [0; 4], (1, 2.5), Wrapper { 0: x })
        #2 read self.cb
        #3 call <read self.cb>(1..=2, -1, !p, cast n)
        return
    ");
}

#[test]
fn code_that_does_not_come_back() {
    insta::assert_snapshot!(check_fn("if a { std::process::exit(1); } if b { abort() } if c { return; } loop { d(); }"), @"
    body 0 Fn
      b0:
        if a b1 else b2
      b1:
        #0 call std::process::exit(1)
        unreachable
      b2:
        if b b3 else b4
      b3:
        #1 call abort()
        unreachable
      b4:
        if c b5 else b6
      b5:
        return
      b6:
        goto b7
      b7: [Loop header]
        #2 call d()
        goto b7
    ");
}

#[test]
fn statements_under_cfg() {
    insta::assert_snapshot!(check(r#"fn f() -> u8 { #[cfg(loom)] return g(); #[cfg(feature = "x")] h(); #[cfg(unix)] let a = 1;
        #[cfg(unix)] { i() } #[cfg(not(unix))] { j() } }"#), @r#"
    body 0 Fn
      b0:
        if ? b1 else b2
      b1:
        #0 call g() loom
        return #0
      b2:
        goto b3
      b3:
        #1 call h() feature="x"
        if ? b4 else b5
      b4:
        #2 call i() unix
        goto b6
      b5:
        #3 call j() not(unix)
        goto b6
      b6:
        return φ8(b4: #2, b5: #3)
    "#);
}

#[test]
fn scopes_end_in_reverse() {
    insta::assert_snapshot!(check_fn("{ let a = m.lock(); let b = n.lock(); if c { let d = 1; } } loop { let e = m.lock(); if e { break; } }"), @"
    body 0 Fn
      b0:
        #0 call m.lock()
        #1 call n.lock()
        if c b1 else b2
      b1:
        #2 end d
        goto b2
      b2:
        #3 end b
        #4 end a
        goto b3
      b3: [Loop header]
        #5 call m.lock()
        if #5 b4 else b5
      b4: [Loop]
        #6 end e
        goto b6
      b5: [Loop]
        #7 end e
        goto b3
      b6:
        return
    ");
}

#[test]
fn statics_that_change_are_read() {
    insta::assert_snapshot!(check("static mut COUNT: u8 = 0; const LIMIT: u8 = 1; fn f() { unsafe { if COUNT < LIMIT { COUNT += 1; } } }"), @"
    body 0 Init
      b0:
        return 0
    body 1 Init
      b0:
        return 1
    body 2 Fn
      b0:
        #0 read COUNT unsafe
        if Lt(read COUNT, LIMIT) b1 else b2
      b1:
        #1 read COUNT unsafe
        #2 COUNT = Add(read COUNT, 1) unsafe
        goto b2
      b2:
        return
    ");
}

#[test]
fn deferred_initialisation() {
    insta::assert_snapshot!(check_fn("let x; if c { x = 1; } else { x = 2; } g(x);"), @"
    body 0 Fn
      b0:
        if c b1 else b2
      b1:
        #0 x := 1
        goto b3
      b2:
        #1 x := 2
        goto b3
      b3:
        #2 call g(φ6(b1: 1, b2: 2))
        return
    ");
}

#[test]
fn try_blocks_and_const_blocks() {
    insta::assert_snapshot!(check_fn("let r: R = try { a()?; b() }; const { c() }; g(r);"), @"
    body 0 Fn
      b0:
        #0 call a()
        try #0 b2 else b1
      b1:
        goto b3
      b2:
        #1 call b()
        goto b3
      b3:
        #2 call c()
        #3 call g(φ3(b1: #0, b2: #1))
        return
    ");
}

#[test]
fn items_in_bodies_belong_to_them() {
    let file = super::file("fn f() { static N: AtomicU8 = AtomicU8::new(0); { use a::b; || { fn g() { x } }; } }");
    let names = |body: usize| -> Vec<_> { file.bodies[body].items.iter().map(|item| item.name.clone()).collect() };
    assert_eq!(names(0), ["N", ""]);
    assert_eq!(names(2), ["g"]);
}

#[test]
fn a_span_covers_the_whole_operation() {
    let source = "fn f() { a.b . load /* c */ ( Relaxed ) ; }";
    let file = super::file(source);
    let crate::ir::EventKind::Atomic(op) = &file.bodies[0].events[0].kind else {
        panic!("no atomic operation");
    };
    let shown = |span| super::dump::slice(source, span);
    assert_eq!(shown(file.bodies[0].events[0].span), "a.b . load /* c */ ( Relaxed )");
    assert_eq!(shown(op.method_span), "load");
    assert_eq!(shown(op.receiver.span), "a.b");
    assert_eq!(shown(op.ordering.unwrap().span), "Relaxed");
}
