use atomic_lint::frozen;
use std::collections::HashMap;
use std::marker::PhantomData;
use std::path::Path;
use std::sync::Arc;

#[derive(Debug, Clone)]
#[frozen]
#[derive(Default)]
struct Config<'a> {
    name: String,
    routes: HashMap<String, Vec<(u16, &'a str)>>,
    parent: Option<Arc<Config<'a>>>,
    root: Option<Box<Path>>,
    words: &'a [u8],
    shares: [f32; 4],
    hook: Option<fn(&u8) -> u8>,
    marker: PhantomData<std::cell::Cell<u8>>,
    #[cfg(any())]
    absent: std::cell::Cell<u8>,
}

#[frozen]
struct Generic<'a, T, const N: usize>
where
    T: Clone + 'a,
{
    values: [T; N],
    count: usize,
    borrowed: &'a T,
}

#[frozen]
pub(crate) struct Tuple(pub(crate) u8, Option<Box<Self>>);

#[frozen]
struct Unit;

#[test]
fn data_without_interior_mutability_is_accepted() {
    let config = Config::default();
    let config = config.clone();
    assert!(config.root.is_none() && config.hook.is_none() && config.parent.is_none());
    assert_eq!(config.name.len() + config.routes.len() + config.words.len() + config.shares.len(), 4);
    let PhantomData = config.marker;
    let generic = Generic { values: [1u8; 2], count: 2, borrowed: &1 };
    assert_eq!(generic.values.len(), generic.count * usize::from(*generic.borrowed));
    let Tuple(value, None) = Tuple(1, None) else { unreachable!() };
    assert_eq!(value, 1);
    let _ = Unit;
}
