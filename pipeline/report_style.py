"""How the report looks: one style sheet, light and dark."""

STYLE = """
:root { color-scheme: light dark; --ink: #1c2330; --soft: #5a6474; --paper: #fbfaf7; --card: #ffffff; --line: #e0ddd5;
  --accent: #2563a8; --good: #23764a; --bad: #b3372b; --bar: #bcd3ec; --bar2: #e3c9a6; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #a3adbd; --paper: #14171d; --card: #1c2129;
  --line: #343b47; --accent: #7fb2ea; --good: #6cc996; --bad: #f08a7e; --bar: #2f4c6d; --bar2: #5c4a2e; } }
* { box-sizing: border-box; }
body { margin: 0 auto; padding: 1.5rem 1rem 4rem; max-width: 72rem; background: var(--paper); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, sans-serif; }
h1 { font-size: 1.9rem; line-height: 1.2; margin: 0 0 .3rem; } h2 { margin: 2.6rem 0 .6rem; font-size: 1.35rem; }
h3 { margin: 1.6rem 0 .4rem; font-size: 1.05rem; } p { max-width: 46rem; } a { color: var(--accent); }
nav ul { display: flex; flex-wrap: wrap; gap: .3rem 1.1rem; list-style: none; padding: 0; margin: .8rem 0; }
.soft { color: var(--soft); }
.good { color: var(--good); font-weight: 600; } .bad { color: var(--bad); font-weight: 600; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: .8rem; margin: 1.2rem 0;
  padding: 0; list-style: none; }
.tiles li { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .7rem .9rem; }
.tiles strong { display: block; font-size: 1.25rem; white-space: nowrap; font-variant-numeric: tabular-nums; }
.scroll { overflow-x: auto; margin: .6rem 0 1.2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .6rem; }
table { border-collapse: collapse; width: 100%; font-size: .88rem; }
caption { text-align: left; padding: .5rem .6rem; color: var(--soft); }
th, td { padding: .3rem .6rem; border-top: 1px solid var(--line); text-align: left; vertical-align: top; }
thead th { vertical-align: bottom; font-weight: 600; color: var(--soft); white-space: nowrap; }
tbody th { font-weight: 500; white-space: nowrap; }
.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
svg { width: 100%; height: auto; background: var(--card); border: 1px solid var(--line); border-radius: .6rem; }
svg text { fill: var(--soft); font: 13px system-ui, sans-serif; } svg .axis { stroke: var(--line); }
svg .curve { fill: none; stroke-width: 1.6; stroke-linejoin: round; } svg .band { fill: var(--bar); opacity: .6; }
svg .mark { stroke: var(--bad); stroke-width: 1; stroke-dasharray: 3 3; } svg .kept { fill: var(--bar); }
svg .c0 { stroke: var(--accent); } svg .c1 { stroke: #c2570c; } svg .c2 { stroke: #23864a; }
svg .c3 { stroke: #9b59b6; } svg .c4 { stroke: #b8860b; } svg .c5 { stroke: #c0396b; } svg .c6 { stroke: #0e8a8a; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(18rem, 1fr)); gap: .8rem; }
svg .lost { fill: var(--bar2); }
figure { margin: .8rem 0; } figcaption { color: var(--soft); font-size: .92rem; margin-top: .3rem; }
details { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; margin: .5rem 0;
  padding: .5rem .9rem; }
summary { cursor: pointer; font-weight: 500; overflow-wrap: anywhere; }
blockquote { margin: .7rem 0; padding: 0 0 0 .8rem; border-left: 3px solid var(--bar); overflow: hidden; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; margin: .3rem 0; max-height: 14rem; overflow: auto;
  font: .85rem/1.45 ui-monospace, Menlo, Consolas, monospace; unicode-bidi: isolate; }
code { overflow-wrap: anywhere; font-size: .85rem; unicode-bidi: isolate; }
.slider { display: grid; grid-template-columns: 15rem 1fr 5rem; gap: .2rem .8rem; align-items: center;
  margin: .4rem 0; }
.slider input { width: 100%; accent-color: var(--accent); } .slider span { font-variant-numeric: tabular-nums; }
form { background: var(--card); border: 1px solid var(--line); border-radius: .6rem; padding: .6rem .9rem; }
form code { white-space: pre-wrap; } form[hidden] { display: none; } button { font: inherit; padding: .25rem .8rem; }
@media (max-width: 40rem) { .slider { grid-template-columns: 1fr 4rem; } .slider label { grid-column: 1 / 3; } }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
@media print { details { break-inside: avoid; } }
"""
