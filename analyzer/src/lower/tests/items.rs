//! Items, their attributes and conditions.

use super::file;
use crate::ir::{Attr, ItemKind, Receiver, Ty};

#[test]
fn imports_are_leaves() {
    let file = file("pub use ::a::{b::{self, c as d, *}, e}; use super::x as _; extern crate core as k;");
    let shown: Vec<String> = file
        .items
        .iter()
        .map(|item| match &item.kind {
            ItemKind::Use(u) => format!("{}{} as {:?}", if u.global { "::" } else { "" }, u.path.join("::"), u.rename),
            ItemKind::ExternCrate { krate } => format!("{krate} as {}", item.name),
            kind => format!("{kind:?}"),
        })
        .collect();
    insta::assert_snapshot!(shown.join("\n"), @r#"
    ::a::b as Some("b")
    ::a::b::c as Some("d")
    ::a::b as None
    ::a::e as Some("e")
    super::x as Some("_")
    core as k
    "#);
}

#[test]
fn conditions_and_attributes_are_data() {
    let file = file(
        r#"
        #![cfg(not(test))]
        /// One
        #[cfg(all(unix, any(feature = "a", not(loom))))]
        #[cfg_attr(loom, cfg(b), atomic_lint::allow(x, reason = "y"), cfg_attr(c, repr(C)))]
        #[repr(align(64))]
        #[doc(hidden)]
        struct S { #[cfg(d)] a: u8, /** two */ b: u16 }
    "#,
    );
    let shown = |attrs: &[Attr]| -> Vec<String> {
        attrs.iter().map(|a| format!("{}({}) if {}", a.path, a.tokens, super::dump::cfg(&a.cfg))).collect()
    };
    let item = &file.items[0];
    let ItemKind::Struct(s) = &item.kind else { panic!("no struct") };
    let mut lines = shown(&file.attrs);
    lines.extend(shown(&item.attrs));
    lines.push(super::dump::cfg(&item.cfg));
    for field in &s.fields {
        lines.push(format!("{}: {} {:?}", field.name, super::dump::cfg(&field.cfg), shown(&field.attrs)));
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    cfg(not(test)) if all()
    doc( One) if all()
    cfg(all(unix, any(feature = "a", not(loom)))) if all()
    cfg(b) if loom
    atomic_lint::allow(x, reason = "y") if loom
    repr(C) if all(loom, c)
    repr(align(64)) if all()
    doc(hidden) if all()
    all(unix, any(feature="a", not(loom)), any(not(loom), b))
    a: d ["cfg(d) if all()"]
    b: all() ["doc( two ) if all()"]
    "#);
}

#[test]
fn functions_tell_their_signature() {
    let file = file(
        r#"impl<T: Send> S<T> where T: Sync {
            pub(crate) const unsafe extern "C" fn f<'a, U: ?Sized + Fn(u8) -> T>(self: Arc<Self>, x: &'a mut [U; N * 2], (y, z): (u8, u8)) -> Option<dyn Iterator<Item = T>> { }
            async fn g(&mut self) {}
        }
        extern "C" { static mut X: u8; fn h(n: *const u8) -> !; }"#,
    );
    let ItemKind::Impl(i) = &file.items[0].kind else { panic!("no impl") };
    let ItemKind::Fn(f) = &i.items[0].kind else { panic!("no function") };
    assert!(f.is_const && f.is_unsafe && !f.is_async);
    assert!(matches!(&f.receiver, Some(Receiver::Typed(Ty::Path(p))) if p.last() == "Arc"));
    assert_eq!(f.params.iter().map(|p| p.0.as_deref()).collect::<Vec<_>>(), [Some("x"), None]);
    assert!(matches!(&f.params[0].1, Ty::Ref { inner, .. } if matches!(&**inner, Ty::Array(_, n) if n == "N * 2")));
    let ItemKind::Fn(g) = &i.items[1].kind else { panic!("no function") };
    assert!(g.is_async && g.receiver == Some(Receiver::RefMut));
    assert!(matches!(&file.items[1].kind, ItemKind::Static { mutable: true, init: None, .. }));
    assert!(matches!(&file.items[2].kind, ItemKind::Fn(h) if h.ret == Ty::Never && h.abi.as_deref() == Some("C")));
}

#[test]
fn spans_of_items_cover_attributes() {
    let source = "/// doc\n#[inline]\npub fn f(x: u8) -> u8 where u8: Copy { x }\nunsafe impl<T> Send for S<T> where T: Send {}\nenum E { /// v\n A(u8), B { c: u8 } = 3 }";
    let file = file(source);
    let shown = |span| super::dump::slice(source, span);
    let item = &file.items[0];
    assert_eq!(shown(item.span), "/// doc #[inline] pub fn f(x: u8) -> u8 where u8: Copy { x }");
    assert_eq!(shown(item.name_span), "f");
    let ItemKind::Fn(f) = &item.kind else { panic!("no function") };
    assert_eq!(shown(f.sig_span), "pub fn f(x: u8) -> u8 where u8: Copy");
    assert_eq!(shown(file.items[1].name_span), "unsafe impl<T> Send for S<T> where T: Send");
    let ItemKind::Enum(e) = &file.items[2].kind else { panic!("no enum") };
    assert_eq!(shown(e.variants[0].span), "/// v A(u8)");
    assert_eq!(shown(e.variants[0].fields[0].name_span), "u8");
    assert_eq!(shown(e.variants[1].span), "B { c: u8 } = 3");
}

#[test]
fn modules_keep_their_path() {
    let file = file("#[path = \"x/y.rs\"] mod a; mod b { mod c; fn r#fn() {} } #[cfg(test)] #[some_macro] mod d {}");
    let ItemKind::Mod(a) = &file.items[0].kind else { panic!("no module") };
    assert_eq!((a.items.is_none(), a.path_attr.as_deref()), (true, Some("x/y.rs")));
    let ItemKind::Mod(b) = &file.items[1].kind else { panic!("no module") };
    assert_eq!(b.items.as_ref().unwrap().iter().map(|i| i.name.as_str()).collect::<Vec<_>>(), ["c", "fn"]);
    assert_eq!(super::dump::cfg(&file.items[2].cfg), "test");
}
