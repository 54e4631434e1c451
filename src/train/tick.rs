use std::cell::RefCell; use std::time::Instant; use std::collections::BTreeMap;
thread_local!{ static T: RefCell<(Option<Instant>,BTreeMap<&'static str,f64>)> = RefCell::new((None,BTreeMap::new())); }
pub fn tick(name:&'static str){ T.with(|t|{ let mut t=t.borrow_mut(); let now=Instant::now(); if let Some(l)=t.0 { *t.1.entry(name).or_default()+= (now-l).as_secs_f64()*1e3; } t.0=Some(now); }); }
pub fn show(n:usize){ T.with(|t| { let mut tot=0.; for (k,v) in &t.borrow().1 { eprintln!("{k:20} {:.3}", v/n as f64); tot+=v/n as f64;} eprintln!("total {tot:.3}"); }); }
