"""The stage tree on Ray Tune, a simulated back end, the run folder and its ledger."""
