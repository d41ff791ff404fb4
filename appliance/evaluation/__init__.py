"""Measuring the box from outside, as its visitors see it, beside a stock baseline."""
