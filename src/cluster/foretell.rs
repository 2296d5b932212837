//! What the next event of a world is, in words. Nothing happens by being told.

use super::machine::Work;
use super::world::{Event, World};
use crate::base::ids::{NodeId, OpId};
use crate::protocol::{Input, Message, Protocol};

impl<P: Protocol> World<P> {
    /// The next event; nothing if there is none.
    pub fn foretell(&self) -> Option<String> {
        let (_, event) = self.agenda.peek()?;
        let node = |node: NodeId| self.names.node(node);
        Some(match event {
            Event::Arrive(flight) => match self.network.peek(flight) {
                Some(flight) => format!(
                    "{} from {} reaches {}",
                    flight.message.label().name,
                    node(flight.from),
                    node(flight.to)
                ),
                None => format!("{} would arrive, which is lost or held", flight.id),
            },
            Event::Complete { node: by, token } => match self.machines[by.index()].about_to_do(token) {
                Some(work) => format!("{} {}", node(by), self.told(work)),
                None => format!("{} was about to do what a crash or pause has interrupted", node(by)),
            },
            Event::Timer { node: of, timer, .. } => format!("timer {} of {} runs out", timer.0, node(of)),
            Event::Flushed { node: by, .. } => format!("{} has flushed its disk", node(by)),
            Event::Arrival { .. } => "the load brings an operation".to_owned(),
            Event::Request { op, node: to } => format!("{} reaches {}", self.spelled(op), node(to)),
            Event::AskAgain { op } => format!("the client of {} asks the next node", self.spelled(op)),
            Event::Resend { op, .. } => format!("the client sends {} again", self.spelled(op)),
            Event::Answer { node: by, .. } => format!("an answer of {} reaches its client", node(by)),
            Event::Probe { write } => format!("a read looks for {}", self.spelled(write)),
            Event::Deadline { op } => format!("the client of {} has waited long enough", self.spelled(op)),
            Event::FaultOver { number } => format!("fault f{number} is over"),
            Event::Fence { by, target, .. } => format!("the fencer of {} acts on {}", node(by), node(target)),
        })
    }

    fn told(&self, work: &Work<P>) -> String {
        match work {
            Work::Boot(_) => "boots".to_owned(),
            Work::Step(Input::Message { from, message }) => {
                format!("takes in {} from {}", message.label().name, self.names.node(*from))
            }
            Work::Step(Input::Client(request)) => format!("takes in {}", self.spelled(request.op)),
            Work::Step(Input::Timer(timer)) => format!("hears its timer {}", timer.0),
            Work::Step(Input::Flushed { .. }) => "hears that its disk is flushed".to_owned(),
            Work::Step(Input::Fenced { target, .. }) => {
                format!("hears what its fencer did to {}", self.names.node(*target))
            }
            Work::Step(Input::Operator(_)) => "takes in an operator's order".to_owned(),
        }
    }

    fn spelled(&self, op: OpId) -> String {
        let asked = self.ledger.get(op).map(|record| format!(" ({})", self.asked(record)));
        format!("{op}{}", asked.unwrap_or_default())
    }
}
