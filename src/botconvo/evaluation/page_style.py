"""The page's style sheet: light and dark, phone and desk."""

__all__ = ["STYLE"]

STYLE = """
:root {
  --paper: #fbfaf8; --panel: #ffffff; --ink: #1f2328; --soft: #676f7a; --grid: #e3e1dc;
  --clone: #5b5bd6; --real: #1a936f; --prompted: #d9822b; --markov: #a0576f; --others: #9aa3ad;
  --good: #1a7f4b; --mid: #a66f00; --bad: #c4352b; --none: #8a929c;
}
@media screen and (prefers-color-scheme: dark) { :root {
  --paper: #14171c; --panel: #1c2027; --ink: #e8eaed; --soft: #9aa3ae; --grid: #313842;
  --clone: #9b9bff; --real: #45c79b; --prompted: #f0a35a; --markov: #d98ba3; --others: #6d7681;
  --good: #4ccf8b; --mid: #e5b24a; --bad: #ff7b6e; --none: #7d8590;
} }
* { box-sizing: border-box; }
html { scroll-behavior: smooth; }
body { margin: 0; overflow-wrap: anywhere; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif; }
main { max-width: 68rem; margin: 0 auto; padding: 1.5rem 1rem 4rem; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; letter-spacing: -.02em; }
h2 { font-size: 1.5rem; margin: 0 0 .2rem; letter-spacing: -.01em; }
h3 { font-size: 1rem; margin: 0 0 .2rem; }
p { margin: .3rem 0 .8rem; }
.soft, figcaption, header p { color: var(--soft); }
section { margin-top: 2.5rem; padding-top: 1.5rem; border-top: 1px solid var(--grid); }
.cards { display: flex; flex-wrap: wrap; gap: .75rem; margin-top: 1rem; }
.card { display: flex; flex-direction: column; gap: .35rem; padding: .7rem .9rem;
  background: var(--panel); border: 1px solid var(--grid); border-radius: .8rem;
  color: inherit; text-decoration: none; }
.card:hover, .card:focus-visible { border-color: var(--clone); }
.sign { display: inline-grid; place-items: center; width: 1.5rem; height: 1.5rem; flex: none;
  margin-right: .2rem; border-radius: 50%; font: 700 .85rem/1 system-ui, sans-serif;
  color: var(--paper); background: var(--none); }
.sign.green { background: var(--good); } .sign.yellow { background: var(--mid); }
.sign.red { background: var(--bad); }
figure { margin: 0; padding: 1rem; background: var(--panel); border: 1px solid var(--grid);
  border-radius: .8rem; min-width: 0; }
figcaption { font-size: .9rem; margin-bottom: .6rem; }
.dots figcaption { color: var(--ink); font-size: 1.05rem; }
.row { display: grid; align-items: center; gap: .6rem;
  grid-template-columns: 10rem minmax(0, 30rem) 4.5rem 1fr; padding: .22rem 0; }
.row b { text-align: right; white-space: nowrap; }
.copies { white-space: nowrap; font-size: .85rem; }
.row b .soft { font-weight: 400; }
.line { display: grid; grid-template-columns: repeat(20, 1fr); gap: 3px; }
.dot { aspect-ratio: 1; border-radius: 50%; background: var(--grid); }
.row.clone .who { font-weight: 700; }
.row.clone .on { background: var(--clone); } .row.real .on { background: var(--real); }
.row.prompted .on { background: var(--prompted); }
.row.markov .on { background: var(--markov); }
.row.others .on { background: var(--others); }
.lights { list-style: none; margin: 1rem 0; padding: 0; display: grid; gap: .7rem;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 20rem), 1fr)); }
.lights li { display: flex; gap: .6rem; padding: .8rem .9rem; background: var(--panel);
  border: 1px solid var(--grid); border-left: 4px solid var(--none); border-radius: .6rem; }
.lights li.green { border-left-color: var(--good); }
.lights li.yellow { border-left-color: var(--mid); }
.lights li.red { border-left-color: var(--bad); }
.lights p { margin: .15rem 0 0; font-size: .93rem; }
.advice { padding: .9rem 1.1rem; margin: 1rem 0; border-radius: .8rem;
  background: color-mix(in srgb, var(--clone) 10%, var(--panel)); }
.advice ul { margin: .3rem 0 0; padding-left: 1.2rem; } .advice li { margin: .25rem 0; }
.plots { display: grid; gap: .9rem; margin: 1rem 0;
  grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)); }
.svg svg { display: block; width: 100%; height: auto; font-family: inherit; }
.wide svg { max-width: 44rem; }
details { margin: 1rem 0; padding: .7rem 1rem; background: var(--panel);
  border: 1px solid var(--grid); border-radius: .8rem; }
summary { cursor: pointer; font-weight: 600; }
.scroll { overflow-x: auto; }
table { width: 100%; border-collapse: collapse; margin: .7rem 0; font-size: .92rem; }
th, td { text-align: left; padding: .4rem .6rem; border-bottom: 1px solid var(--grid);
  vertical-align: top; overflow-wrap: anywhere; }
.figures td { white-space: nowrap; }
.figures td:first-child { white-space: normal; min-width: 8.5rem; }
.examples td { min-width: 7rem; }
@media (max-width: 40rem) {
  main { padding: 1rem .75rem 3rem; }
  .row { grid-template-columns: 1fr auto 5.2rem; gap: .1rem .6rem; padding: .35rem 0; }
  .row .who { grid-row: 1; } .row b { grid-row: 1; grid-column: 2; }
  .line { grid-column: 1 / -1; gap: 2px; }
  figure { padding: .75rem; }
}
@media print {
  :root { --paper: #fff; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  .lights li, figure, tr { break-inside: avoid; }
}
"""
