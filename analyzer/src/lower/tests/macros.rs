//! Macros: known ones, unknown ones, and those the file defines.

use super::{check, check_fn, file};
use crate::ir::{ItemKind, SkipReason};

#[test]
fn format_arguments_are_read() {
    insta::assert_snapshot!(check_fn(r#"let x = a(); let w = b(); println!("{x:?} {{no}} {:w$} {0} {missing}", c.load(Relaxed), n = d()); log::info!(target: "t", "{}", e());"#), @r#"
    body 0 Fn
      b0:
        #0 call a()
        #1 call b()
        #2 Load c(Relaxed)
        #3 call d()
        #4 println!("{x:?} {{no}} {:w$} {0} {missing}", #0, #1, #2, #3)
        #5 call e()
        #6 log::info!("t", "{}", #5)
        return
    "#);
}

#[test]
fn tracing_fields() {
    insta::assert_snapshot!(check_fn(r#"tracing::debug!(count = n.load(Relaxed), %a, ?b, c.d = e(), "x");"#), @r#"
    body 0 Fn
      b0:
        #0 Load n(Relaxed)
        #1 call e()
        #2 tracing::debug!(#0, a, b, #1, "x")
        return
    "#);
}

#[test]
fn assertions_branch_and_panics_end() {
    insta::assert_snapshot!(check_fn(r#"assert!(a() && b(), "{}", c()); assert_eq!(d(), 1); debug_assert!(x.load(Relaxed) == 0); if e { unreachable!("{}", f()) } todo!()"#), @r#"
    body 0 Fn
      b0:
        #0 call a()
        if #0 b1 else b2
      b1:
        #1 call b()
        if #1 b3 else b2
      b2:
        #2 call c()
        #3 assert!("{}", #2)
        unreachable
      b3:
        #4 call d()
        if Eq(#4, 1) b5 else b4
      b4:
        #5 assert_eq!()
        unreachable
      b5:
        #6 Load x(Relaxed) debug_assertions
        if Eq(#6, 0) b7 else b6
      b6:
        #7 debug_assert!() debug_assertions
        unreachable
      b7:
        if e b8 else b9
      b8:
        #8 call f()
        #9 unreachable!("{}", #8)
        unreachable
      b9:
        #10 todo!()
        unreachable
    "#);
}

#[test]
fn values_through_macros() {
    insta::assert_snapshot!(check_fn("let v = vec![a(), b()]; let w = vec![0; n()]; let d = dbg!(c()); let m = matches!(d, Some(k) if k > 1); g(v, w, m, addr_of!(p.q), cfg!(x), stringify!(y));"), @"
    body 0 Fn
      b0:
        #0 call a()
        #1 call b()
        #2 vec!(#0, #1)
        #3 call n()
        #4 vec!(0, #3)
        #5 call c()
        #6 dbg!(#5)
        if #5 is Some { 0: _ } b1 else b2
      b1:
        goto b2
      b2:
        #7 borrow raw p.q
        #8 call g(#2, #4, And(#5 is Some { 0: _ }, Gt(#5→Some.0, 1)), &raw p.q, ?, stringify!(y))
        return
    ");
}

#[test]
fn ready_and_bail_and_ensure_return() {
    insta::assert_snapshot!(check_fn(r#"let x = ready!(poll()); ensure!(x > 1, "no"); if y { bail!("{}", z()) } g(x)"#), @r#"
    body 0 Fn
      b0:
        #0 call poll()
        if #0 is Ready { 0: _ } b2 else b1
      b1:
        return #0
      b2:
        if Gt(#0→Ready.0, 1) b4 else b3
      b3:
        #1 ensure!("no")
        return #1
      b4:
        if y b5 else b6
      b5:
        #2 call z()
        #3 bail!("{}", #2)
        return #3
      b6:
        #4 call g(#0→Ready.0)
        return #4
    "#);
}

#[test]
fn select_takes_one_arm() {
    insta::assert_snapshot!(check_fn("tokio::select! { biased; v = a() => b(v), _ = c(), if d() => { e(); } else => h() } select! { recv(r) -> m => g(m), default => i() }"), @"
    body 0 Fn
      b0:
        #0 call a()
        #1 call c()
        #2 call d()
        #3 tokio::select!(#0, #1)
        #4 await #3
        if ? b1 else b2
      b1:
        #5 call b(?)
        #6 end v
        goto b5
      b2:
        if ? b3 else b4
      b3:
        #7 call e()
        goto b5
      b4:
        #8 call h()
        goto b5
      b5:
        #9 call recv(r)
        #10 select!(#9)
        if ? b6 else b7
      b6:
        #11 call g(?)
        #12 end m
        goto b8
      b7:
        #13 call i()
        goto b8
      b8:
        return φ20(b6: #11, b7: #13)
    ");
}

#[test]
fn cfg_if_in_a_body() {
    insta::assert_snapshot!(check_fn("let x = cfg_if! { if #[cfg(loom)] { a() } else if #[cfg(unix)] { b() } else { c() } }; g(x);"), @"
    body 0 Fn
      b0:
        if ? b1 else b2
      b1:
        #0 call a() loom
        goto b5
      b2:
        if ? b3 else b4
      b3:
        #1 call b() all(not(loom), unix)
        goto b5
      b4:
        #2 call c() all(not(loom), not(unix))
        goto b5
      b5:
        #3 call g(φ5(b1: #0, b3: #1, b4: #2))
        return
    ");
}

#[test]
fn unknown_macros_hold_code() {
    insta::assert_snapshot!(check_fn("wrap!(x.load(Relaxed), y = z()); wrap! { let a = 1; b.store(a, Relaxed); } g(a); odd!(x => y.load(Acquire); @ w); odd!(a b { c });"), @"
    body 0 Fn
      b0:
        #0 Load x(Relaxed)
        #1 call z()
        #2 wrap!(#0, #1)
        #3 Store b(1, Relaxed)
        #4 wrap!(())
        #5 call g(1)
        #6 Load y(Acquire)
        #7 odd!(x, #6)
        #8 odd!() opaque
        return
    skipped MacroBody: odd!(a b { c })
    ");
}

#[test]
fn macros_of_the_file_are_expanded() {
    insta::assert_snapshot!(check("
        macro_rules! add { ($a:expr, $n:expr $(, $o:ident)?) => { $a.fetch_add($n, Relaxed) }; }
        macro_rules! each { ($($x:ident => $v:expr),* $(,)?) => { $( let $x = $v; $x.store(1, Release); )* }; }
        fn f() { let v = add!(self.n, 1 + 2); each! { a => g(v), b => h(), } i(b); }"), @"
    body 0 Fn
      b0:
        #0 FetchAdd self.n(Add(1, 2), Relaxed)
        #1 call g(#0)
        #2 Store a=#1(1, Release)
        #3 call h()
        #4 Store b=#3(1, Release)
        #5 call i(#3)
        return
    ");
}

#[test]
fn a_macro_may_define_whole_types() {
    let source = "
        macro_rules! atomic_int {
            ($($(#[$m:meta])* $name:ident: $int:ty = $inner:path;)*) => { $(
                $(#[$m])* pub struct $name { v: $inner }
                impl $name { pub fn get(&self) -> $int { self.v.load(Acquire) } }
            )* };
        }
        atomic_int! { /// one\n A: u8 = AtomicU8; #[cfg(x)] B: u16 = atomic::AtomicU16; }";
    let file = file(source);
    let names: Vec<_> = file.items.iter().map(|item| (item.name.as_str(), super::dump::cfg(&item.cfg))).collect();
    let always = || "all()".to_owned();
    assert_eq!(
        names,
        [("atomic_int", always()), ("A", always()), ("", always()), ("B", "x".to_owned()), ("", always())]
    );
    insta::assert_snapshot!(super::dump::file(source, &file), @"
    body 0 Fn
      b0:
        #0 Load self.v(Acquire)
        return #0
    body 1 Fn
      b0:
        #0 Load self.v(Acquire)
        return #0
    ");
}

#[test]
fn recursion_of_macros_is_bounded() {
    for source in [
        "macro_rules! m { ($x:expr) => { m!($x + 1) }; } fn f() { m!(1) }",
        "macro_rules! m { ($($x:tt)*) => { m!($($x)* $($x)*) }; } fn f() { m!(1 2 3 4) }",
    ] {
        let file = file(source);
        assert!(
            file.skipped.iter().any(|s| matches!(s.why, SkipReason::TooDeep | SkipReason::MacroExpansion)),
            "{source}"
        );
    }
}

#[test]
fn items_in_macros_are_items() {
    let file = file(
        r#"
        cfg_rt! { fn a() {} mod m { thread_local! { static T: Cell<u8> = const { Cell::new(0) } } } }
        cfg_if::cfg_if! { if #[cfg(loom)] { use loom::sync::atomic; } else { use std::sync::atomic; } }
        lazy_static! { /// doc
            pub static ref G: Mutex<u8> = Mutex::new(1); }
        include!("gen.rs");
        what!(is { this });
        what!(name);
    "#,
    );
    let shown: Vec<String> = file
        .items
        .iter()
        .map(|item| {
            let kind = match &item.kind {
                ItemKind::Fn(_) => "fn".to_owned(),
                ItemKind::Mod(m) => format!("mod {:?} {}", m.path_attr, m.include),
                ItemKind::Use(u) => format!("use {}", u.path.join("::")),
                ItemKind::Static { ty: crate::ir::Ty::Path(path), .. } => format!("static: {path}"),
                ItemKind::MacroCall { path } => format!("{path}!"),
                kind => format!("{kind:?}"),
            };
            format!("{} {kind} {}", item.name, super::dump::cfg(&item.cfg))
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    a fn all()
    m mod None false all()
     use loom::sync::atomic loom
     use std::sync::atomic not(loom)
    G static: lazy_static::Lazy all()
     mod Some("gen.rs") true all()
     what! all()
     what! all()
    "#);
    let ItemKind::Mod(m) = &file.items[1].kind else { panic!("no module") };
    let local = &m.items.as_ref().unwrap()[0];
    assert_eq!((local.name.as_str(), local.attrs[0].path.as_str()), ("T", "thread_local"));
    assert_eq!(file.skipped.len(), 1);
}
