"""From numbers to sentences: what to believe, and the number that each sentence rests on.

`judge` draws up the findings from the `evidence`, one file for each subject: `posterior`,
`optimum`, `pair` (EM against the posterior), `programs` (posteriors against each other), `rows`
(what data and shape allow) and `truth`.
`conditions` says which of them may be said beside which others, and `decision` what they come to.
Imports: analysis and the rooms below it.
"""
