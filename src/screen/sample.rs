//! Frames for tests and benchmarks: real runs of presets, stopped at a telling moment.

use crate::base::ids::OpId;
use crate::base::time::VirtualTime;
use crate::cluster::live::HostKind;
use crate::cluster::view::StoryView;
use crate::driver::frame::Frame;
use crate::driver::player::Player;
use crate::driver::publish_once;
use crate::scenario::load::load;
use crate::scenario::overrides::Override;
use crate::scenario::presets::preset;
use std::sync::Arc;

/// The frame of a preset at `millis`, after these commands.
pub(crate) fn frame(name: &str, millis: u64, commands: &[&str]) -> Frame {
    let changes: Vec<Override> = commands.iter().map(|command| Override::Do((*command).to_owned())).collect();
    at(name, preset(name).expect("the preset exists").text, &changes, millis)
}

/// The frame of a scenario at `millis`.
pub(crate) fn frame_of(text: &str, millis: u64) -> Frame {
    at("sample", text, &[], millis)
}

/// The story of the worst write of a preset's run at `millis`.
pub(crate) fn told(name: &str, millis: u64, run: usize) -> (OpId, StoryView) {
    let text = preset(name).expect("the preset exists").text;
    let scenario = load(name, text, &[]).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let mut player = Player::new(Arc::new(scenario), HostKind::Inline).expect("a world");
    player.advance(VirtualTime(millis * 1_000));
    let cluster = &mut player.clusters()[run];
    let truth = cluster.truth();
    let fates = cluster.fates(&truth);
    let op = cluster.ledger_view(&fates).rows.first().expect("an acknowledged write").op;
    (op, cluster.story(&fates, op).expect("its story"))
}

fn at(name: &str, text: &str, changes: &[Override], millis: u64) -> Frame {
    let scenario = load(name, text, changes).unwrap_or_else(|problems| panic!("{}", problems.render(false)));
    let mut player = Player::new(Arc::new(scenario), HostKind::Inline).expect("a world");
    player.advance(VirtualTime(millis * 1_000));
    publish_once(&mut player)
}
