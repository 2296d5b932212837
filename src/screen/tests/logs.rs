//! No node that has a log has an empty row or column, and where histories fork the fork is on the screen.

use super::super::cells::{Copy, draw_strip};
use super::super::pen::Pen;
use super::*;

/// Moments at which some node is far behind or on another branch.
fn moments() -> Vec<(Frame, &'static str)> {
    vec![
        (frame("same-cut-four-answers", 6_000, &[]), "two groups, one behind"),
        (frame("same-cut-four-answers", 9_500, &[]), "two branches"),
        (frame("jepsen-redis-2013", 8_000, &[]), "a long branch"),
        (frame("kafka-unclean", 12_000, &[]), "an unclean election"),
    ]
}

fn strip(view: &crate::cluster::view::ClusterView, node: usize, width: u16) -> Vec<char> {
    let mut buffer = Buffer::empty(Rect::new(0, 0, width, 1));
    let look = Look::default();
    draw_strip(&mut Pen::new(&mut buffer, &look), Rect::new(0, 0, width, 1), view, &view.nodes[node]);
    (0..width).filter_map(|x| buffer[(x, 0)].symbol().chars().next()).collect()
}

fn is_cell(sign: char) -> bool {
    "·▫▪■◆".contains(sign)
}

#[test]
fn every_log_shows_some_of_its_entries_in_a_strip_of_any_width() {
    for (frame, what) in moments() {
        for run in &frame.runs {
            let nodes = 0..run.view.nodes.len();
            for node in nodes.filter(|&node| Copy::of(&run.view, &run.view.nodes[node]).is_some()) {
                for width in [12, 22, 36, 60, 150] {
                    let strip = strip(&run.view, node, width);
                    let shown: String = strip.iter().collect();
                    assert!(
                        strip.iter().any(|&sign| is_cell(sign)),
                        "{what}, {} n{}: `{shown}`",
                        run.id,
                        node + 1
                    );
                }
            }
        }
    }
}

#[test]
fn where_a_log_forks_both_branches_stand_below_each_other_after_what_they_have_in_common() {
    let mut forks = 0;
    for (frame, what) in moments() {
        for run in &frame.runs {
            for log in run.view.logs.iter().filter(|log| log.authority.is_some()) {
                for member in log.members.iter().filter(|member| member.last > member.agrees_upto) {
                    let counts = log.authority.map_or(0, |node| node.index());
                    for width in [22, 36, 60, 150] {
                        let (ours, theirs) =
                            (strip(&run.view, member.node.index(), width), strip(&run.view, counts, width));
                        let is_fork = |at: &usize| {
                            ours[at - 1] != '◆'
                                && is_cell(ours[at - 1])
                                && ours[*at] == '◆'
                                && (member.agrees_upto == log.end || is_cell(theirs[*at]))
                        };
                        let both = format!("{}\n{}", String::from_iter(&theirs), String::from_iter(&ours));
                        assert!((1..ours.len()).any(|at| is_fork(&at)), "{what}, {}:\n{both}", run.id);
                        forks += 1;
                    }
                }
            }
        }
    }
    assert!(forks > 0);
}

#[test]
fn the_log_view_has_no_empty_column() {
    for (frame, what) in moments() {
        for run in 0..frame.runs.len() {
            let view = &frame.runs[run].view;
            for (width, height) in [(80, 24), (120, 40), (200, 50)] {
                let watch = Watch { view: View::Log, run, ..Watch::plain(Look::default()) };
                let shown = text(&picture(&watch, &frame, width, height));
                let rows: Vec<Vec<char>> = shown.lines().map(|row| row.chars().collect()).collect();
                for node in view.nodes.iter().filter(|node| Copy::of(view, node).is_some()) {
                    let head: String = rows[3].iter().collect();
                    let name = format!("{} ", view.names.node(node.node));
                    let at =
                        head.find(&name).map(|at| head[..at].chars().count()).expect("every node has a head");
                    let columns = |row: &Vec<char>| row.iter().copied().skip(at - 2).take(4).any(is_cell);
                    assert!(rows[4..rows.len() - 6].iter().any(columns), "{what} {name}\n{shown}");
                }
            }
        }
    }
}

#[test]
fn scrolled_back_the_log_view_shows_earlier_entries() {
    let frame = frame("async-gap", 9_000, &[]);
    let rows = |scroll: usize| {
        let watch = Watch { view: View::Log, scroll, ..Watch::plain(Look::default()) };
        text(&picture(&watch, &frame, 120, 40))
    };
    let last = frame.runs[0].view.logs[0].end;
    assert!(rows(0).contains(&format!("│{last:>6} ")), "{}", rows(0));
    assert!(!rows(50).contains(&format!("│{last:>6} ")), "{}", rows(50));
    let earlier = format!("│{:>6} ", last - 60);
    assert!(!rows(0).contains(&earlier) && rows(50).contains(&earlier), "{}", rows(50));
}

#[test]
fn where_not_all_nodes_fit_the_log_view_shows_those_around_the_target() {
    let text_of = "format = 1\nduration = \"9s\"\n[cluster]\nnodes = 30\n[workload]\nrate = 20\n\
        [[run]]\ntopology = \"primary-replica\"\n";
    let frame = frame_of(text_of, 1_000);
    for (width, height) in [(80, 24), (100, 30), (200, 50)] {
        for target in [0, 14, 29] {
            let target = Some(NodeId(target));
            let watch = Watch { view: View::Log, target, ..Watch::plain(Look::default()) };
            let shown = text(&picture(&watch, &frame, width, height));
            let heads = shown.lines().nth(3).expect("a row of heads");
            assert!(heads.contains(&format!("▸n{} ", target.map_or(0, |node| node.0 + 1))), "{shown}");
            let is_whole = |row: &str| row.chars().count() == usize::from(width);
            assert!(shown.lines().skip(2).take(9).all(is_whole), "the border is whole\n{shown}");
        }
    }
}
