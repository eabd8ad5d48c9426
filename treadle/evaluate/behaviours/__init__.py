"""Planning, adjustment, verification and interleaving: transparent detectors with a measured precision and recall."""

from treadle.evaluate.behaviours.detection import Detection, detect
from treadle.evaluate.behaviours.figures import behaviour_figures, behaviours_by_group
from treadle.evaluate.behaviours.interleaving import Layout, detect_interleaving, layout
from treadle.evaluate.behaviours.rules import RULES, Behaviour, Rule
from treadle.evaluate.behaviours.sentences import Sentence, sentences

__all__ = [
    "RULES",
    "Behaviour",
    "Detection",
    "Layout",
    "Rule",
    "Sentence",
    "behaviour_figures",
    "behaviours_by_group",
    "detect",
    "detect_interleaving",
    "layout",
    "sentences",
]
