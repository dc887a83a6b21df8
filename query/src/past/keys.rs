//! Which row has which number.

use super::Slot;
use rustc_hash::FxHashMap;
use store::Text;

/// The keys of a table's rows, those of rows that are gone among them.
#[derive(Debug, Default, Clone)]
pub(super) struct Keys {
    slots: FxHashMap<Text, Slot>,
    /// By slot.
    keys: Vec<Text>,
    /// Slots in order of key, those settled so far.
    order: Vec<Slot>,
}

impl Keys {
    /// The slot of a key, a new one if it never came before.
    pub(super) fn slot(&mut self, key: &Text) -> Slot {
        if let Some(slot) = self.slots.get(key) {
            return *slot;
        }
        let slot = Slot::try_from(self.keys.len()).expect("fewer rows than 2^32");
        self.keys.push(key.clone());
        self.slots.insert(key.clone(), slot);
        slot
    }

    /// The slot of a key that came before.
    pub(super) fn known(&self, key: &str) -> Option<Slot> {
        self.slots.get(key).copied()
    }

    /// Puts new keys in their order.
    pub(super) fn settle(&mut self) {
        let known = self.order.len();
        if known == self.keys.len() {
            return;
        }
        let keys = &self.keys;
        // Two ascending runs when ids ascend with time, as they mostly do: the sort finds them.
        self.order.extend(known as Slot..keys.len() as Slot);
        self.order.sort_by(|a, b| keys[*a as usize].cmp(&keys[*b as usize]));
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The key of each slot.
    pub(super) fn all(&self) -> &[Text] {
        &self.keys
    }

    /// The slots in order of key.
    pub(super) fn order(&self) -> &[Slot] {
        debug_assert_eq!(self.order.len(), self.keys.len(), "keys are settled before anybody reads");
        &self.order
    }

    /// Bytes of its tables; the keys themselves are the rows' own.
    pub(super) fn bytes(&self) -> usize {
        self.slots.capacity() * (size_of::<(Text, Slot)>() + 1)
            + self.keys.capacity() * size_of::<Text>()
            + self.order.capacity() * size_of::<Slot>()
    }
}

#[cfg(test)]
mod test {
    use super::*;

    #[test]
    fn keys_keep_their_slots_and_are_walked_in_order() {
        let mut keys = Keys::default();
        for window in [&["m", "a", "z"][..], &["b", "m", "zz"], &[], &["0"]] {
            for key in window {
                keys.slot(&Text::from(*key));
            }
            keys.settle();
        }
        let walked: Vec<&str> = keys.order().iter().map(|slot| &*keys.all()[*slot as usize]).collect();
        assert_eq!(walked, ["0", "a", "b", "m", "z", "zz"]);
        assert_eq!((keys.known("m"), keys.known("0"), keys.known("n")), (Some(0), Some(5), None));
        assert_eq!(keys.len(), 6);
    }
}
