//! What is taken back was never there.

use super::properties::{Twin, assert_tables_follow_so_far};
use super::steps::step;
use super::world::World;
use crate::Work;
use proptest::prelude::*;
use std::collections::BTreeMap;

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(256) })]

    /// Before each step, a world takes a way aside, some other commands, and goes back. Its twin does not.
    #[test]
    fn a_way_aside_and_back_leaves_no_trace(
        steps in prop::collection::vec((step(), prop::collection::vec(step(), 0..6)), 1..50),
    ) {
        let mut world = World::new();
        let mut twin = Twin { work: Work::new(), rows: BTreeMap::new() };
        for (step, aside) in steps {
            let now = world.now;
            let aside = aside.into_iter().filter_map(|step| world.command(step)).collect();
            world.now = now;
            world.detour(aside);
            let Some(command) = world.command(step) else { continue };
            twin.agrees(&mut world, &command);
            let first = world.log.len();
            let _ = world.run(command);
            twin.follow(&mut world, first);
            assert_tables_follow_so_far(&mut world);
        }
    }
}
