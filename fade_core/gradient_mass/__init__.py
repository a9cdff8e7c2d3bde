"""Positive and negative gradient mass: what an advantage function does to the update.

``batch``    the masses of a real batch: by outcome, by difficulty, by token, after the clip
``exact``    the masses of a method at a group size, by the binomial sum
``limits``   the masses of a method for groups of unlimited size, in closed form
``axes``     sign, difficulty and scale as numbers; a curve to plot
``profile``  all of it for any callable, and which known method it is
``recorded`` which known method gave the weights that a run recorded
``fit``      the parameters that a known method would need
"""

from fade_core.gradient_mass.axes import Axes, MassCurve, axes, mass_curve, mass_function
from fade_core.gradient_mass.batch import (
    GradientMass,
    MassByDifficulty,
    batch_mass,
    clipped_mass,
    mass_by_difficulty,
    success_mask,
    token_weighted_mass,
)
from fade_core.gradient_mass.exact import (
    CountTable,
    binomial,
    count_table,
    exact_mass,
    mass_of,
)
from fade_core.gradient_mass.limits import limit_mass
from fade_core.gradient_mass.profile import SOLVE_RATES, Match, Profile, profile
from fade_core.gradient_mass.recorded import RecordedProfile, RecordedStep, recorded_profile

__all__ = [
    "SOLVE_RATES",
    "Axes",
    "CountTable",
    "GradientMass",
    "MassByDifficulty",
    "MassCurve",
    "Match",
    "Profile",
    "RecordedProfile",
    "RecordedStep",
    "axes",
    "batch_mass",
    "binomial",
    "clipped_mass",
    "count_table",
    "exact_mass",
    "limit_mass",
    "mass_by_difficulty",
    "mass_curve",
    "mass_function",
    "mass_of",
    "profile",
    "recorded_profile",
    "success_mask",
    "token_weighted_mass",
]
