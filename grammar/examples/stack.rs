fn main() {
    let a: Vec<String> = std::env::args().collect();
    let (open, mid, close, n, kb) = (&a[1], &a[2], &a[3], a[4].parse::<usize>().unwrap(), a[5].parse::<usize>().unwrap());
    let text = format!("SELECT x FROM t WHERE {}{}{}", open.repeat(n), mid, close.repeat(n));
    std::thread::Builder::new().stack_size(kb<<10).spawn(move || { let start = std::time::Instant::now(); let r=agentpm_grammar::parse(&text); let e=start.elapsed(); println!("{e:?} {:?}", r.map(drop)) }).unwrap().join().unwrap();
}
