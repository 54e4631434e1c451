//! Encoders and heads of one shape, and one step's gradients for all runs of a cohort.

use std::ops::Range;

use tch::{Device, Kind, Tensor};

use super::encoder::{Encoder, Tape};
use super::products::Products;
use super::sets::Sets;
use super::watch::Watch;
use crate::balance::{Balancer, Groups, Signals};
use crate::hyperparameters::Hyperparameters;
use crate::method::{Branch, Declared, Method};
use crate::objective::{Layout, Objective, Params, Role, Shape, Term, mean};

mod ahead;
mod asked;
mod explicit;
mod losses;
mod pass;
mod step;
mod taped;

pub use super::design::Design;
use losses::Found;
use pass::BranchPass;
use step::Head;
pub use step::{Inputs, Moment, Scores, Seen};

/// A model: its parameters live elsewhere, in flat buffers [R, P].
#[derive(Debug)]
pub struct Model {
    /// Places of the parameters.
    pub layout: Layout,
    /// Sizes of embeddings and heads.
    pub shape: Shape,
    /// Entries of the layout that encoders and the method's own heads have; those of the balancer follow.
    pub needed: usize,
    encoders: Vec<Encoder>,
    /// Entries of each encoder.
    own: Vec<Range<usize>>,
    method: Box<dyn Method>,
    branches: Vec<Branch>,
    /// The branch whose weights are judged.
    judged: usize,
    /// The method's losses, then the balancer's.
    terms: Vec<Loss>,
    /// Place of the loss whose outputs the runs are judged by.
    task: usize,
    groups: Groups,
    probes: Vec<Box<dyn Objective>>,
    balancer: Box<dyn Balancer>,
    watch: Option<Watch>,
    dropout: f64,
}

/// What a step is given.
#[derive(Debug)]
struct Given<'a> {
    inputs: &'a Inputs,
    moment: &'a Moment,
    /// 1 where a row has the modality that an element of its embedding is of, [R, B, Σ E_m].
    present: Option<Tensor>,
    /// Whether automatic differentiation goes through encoders too.
    explicit: bool,
}

/// A term at its place.
#[derive(Debug)]
struct Loss {
    objective: Box<dyn Objective>,
    role: Role,
    reads: Vec<usize>,
    /// [R, 1, 1].
    scale: Option<Tensor>,
    /// Its column; none where nothing learns from it.
    group: Option<usize>,
}

impl Loss {
    /// The branch after whose forward pass it can be taken.
    fn last(&self) -> usize {
        self.reads.iter().copied().max().unwrap_or(0)
    }
}

impl Model {
    /// A model for R runs with these settings of the method and the balancer.
    pub fn new(design: &Design, hyperparameters: &[Hyperparameters], kind: Kind, device: Device) -> Self {
        let (mut layout, shape) = (Layout::default(), design.shape.clone());
        let (mut encoders, mut own) = (Vec::new(), Vec::new());
        let products = Products::of(design.products, kind, device);
        for ((modality, width), &input) in shape.each().zip(&design.inputs) {
            let widths = [&[input][..], &design.hidden, &[width]].concat();
            let start = layout.entries().len();
            encoders.push(Encoder::declare(modality, &widths, design.layer_norm, products, &mut layout));
            own.push(start..layout.entries().len());
        }
        let mut balancer = (design.balance.build)(hyperparameters, kind, device);
        let mut method = (design.method.build)(hyperparameters, kind, device);
        let Declared { branches, terms: of_method, judged } = method.declare(&shape, &mut layout);
        let needed = layout.entries().len();
        let task = of_method.iter().position(|term| term.counts && term.role == Role::Task).unwrap_or(0);
        let here = of_method.get(task).and_then(|term| term.reads.first().copied()).unwrap_or(0);
        let own_terms = balancer.terms(&shape, &mut layout, &Term::roles(&of_method)).into_iter();
        let own_terms = own_terms.map(|term| Term { reads: vec![here], ..term });
        let (trained, probes): (Vec<Term>, Vec<Term>) =
            of_method.into_iter().chain(own_terms).partition(|term| term.objective.trains_encoders());
        let groups = Groups::new(balancer.groups(), &Term::roles(&trained));
        let loss = |Term { objective, role, reads, counts, scale }: Term| {
            let group = groups.place(role).filter(|_| counts).map(|t| t as usize);
            Loss { objective, role, reads, scale: scale.map(|scale| scale.view([-1, 1, 1])), group }
        };
        let terms: Vec<Loss> = trained.into_iter().map(loss).collect();
        let heads = terms.get(task).map_or(0..0, |loss| loss.objective.entries());
        balancer.prepare(&shape, &layout, heads, groups);
        let probes = probes.into_iter().map(|term| term.objective).collect();
        let dropout = design.dropout;
        Self {
            layout,
            shape,
            needed,
            encoders,
            own,
            method,
            branches,
            judged,
            terms,
            task,
            groups,
            probes,
            balancer,
            watch: None,
            dropout,
        }
    }

    /// The weights at which its branches run, from what is trained [R, P].
    pub fn sets(&self, live: Tensor) -> Sets {
        Sets::new(&self.branches, &self.layout, live)
    }

    /// Embeddings [R, B, Σ E_m], side by side, with the encoders' tapes.
    fn encode(&self, params: &Params, features: Vec<Tensor>, masks: Option<&Tensor>, record: bool) -> (Tensor, Vec<Tape>) {
        let (mut embeddings, mut tapes) = (Vec::new(), Vec::new());
        for (encoder, features) in self.encoders.iter().zip(features) {
            let (embedding, tape) = encoder.forward(params, features, masks, self.dropout, record);
            embeddings.push(embedding);
            tapes.push(tape);
        }
        (Tensor::cat(&embeddings, 2), tapes)
    }

    /// Fills `gradient` (views of a flat buffer of zeros) with what the optimizer is to follow.
    pub fn gradients(&mut self, sets: &mut Sets, gradient: &Params, inputs: Inputs, moment: Moment) -> Seen {
        self.descend(sets, gradient, &inputs, &moment, false)
    }

    /// As [`gradients`](Self::gradients), by automatic differentiation through heads and encoders: a backward pass for each
    /// loss, inner products of the gradients themselves. It takes longer, and holds for encoders that keep no tape.
    pub fn explicit_gradients(&mut self, sets: &mut Sets, gradient: &Params, inputs: Inputs, moment: Moment) -> Seen {
        self.descend(sets, gradient, &inputs, &moment, true)
    }

    /// Branch by branch: where it runs, its forward pass, the losses that can be taken by then, each with its backward pass down to
    /// the embeddings. Then the balancer decides, and the encoders' tapes do the rest at once.
    fn descend(&mut self, sets: &mut Sets, gradient: &Params, inputs: &Inputs, moment: &Moment, explicit: bool) -> Seen {
        let present = inputs.present.as_ref().map(|present| self.shape.widened(present));
        let given = &Given { inputs, moment, present, explicit };
        let mut found = Found::new(self.branches.len(), self.groups.len() as usize);
        let mut passes: Vec<BranchPass> = Vec::new();
        for branch in 0..self.branches.len() {
            self.move_ahead(sets, branch, &passes, &found);
            passes.push(self.pass(sets, branch, given, found.class()));
            // probes read the embeddings that the task's loss does: what balancers go by is the confidence of what is trained
            if branch == self.terms.get(self.task).map_or(0, |task| task.reads[0]) {
                self.read(sets, gradient, given, (branch, &mut passes[branch]), &mut found);
            }
            for t in 0..self.terms.len() {
                // as early as can be: a later branch may be moved along this loss
                if self.terms[t].last() == branch {
                    self.take(t, (sets, &passes), gradient, given, &mut found);
                }
            }
        }
        found.told.iter().for_each(|told| self.method.hear(told, &moment.active));
        let Moment { active, states, epoch, done, .. } = moment;
        let [active, states] = [active, states].map(Tensor::shallow_clone);
        let done = done.as_ref().map(Tensor::shallow_clone);
        let (class, domain) = found.readings();
        let Found { losses, deltas, heads, task_loss, logits, .. } = found;
        let losses: Vec<Tensor> = losses.into_iter().flatten().collect();
        let loss = Tensor::stack(&losses, 1);
        let signals = Signals { groups: self.groups, loss, class, domain, gramian: None, active, states, epoch: *epoch, done };
        let record = match explicit {
            true => self.balance_explicitly(gradient, losses.len(), &heads, signals),
            false => self.balance(sets, gradient, &passes, deltas, &heads, signals),
        };
        if let Some(watch) = &mut self.watch {
            watch.gradient(&self.layout, gradient);
        }
        let loss = task_loss.unwrap_or_else(|| inputs.share.sum_dim_intlist(1, false, None));
        let score = match logits {
            Some(outputs) => mean(&self.shape.task.score(&outputs, &inputs.label), &inputs.share),
            None => loss.zeros_like(),
        };
        Seen { loss, score, record }
    }
}
