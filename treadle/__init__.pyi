"""The public names with their types, for editors and type checkers; `__init__.py` loads them when they are used."""

from treadle.data.instances import step_instances as step_instances
from treadle.data.rows import load_rows as load_rows
from treadle.data.sources import read_trajectories as read_trajectories
from treadle.data.sources.report import DropReason as DropReason
from treadle.data.sources.report import ReadReport as ReadReport
from treadle.errors import TreadleError as TreadleError
from treadle.scoring.agents import calls_reward as calls_reward
from treadle.scoring.agents import tiered_reward as tiered_reward
from treadle.scoring.completion import Completion as Completion
from treadle.scoring.completion import FormatFault as FormatFault
from treadle.scoring.completion import parse_completion as parse_completion
from treadle.scoring.edit import edit_reward as edit_reward
from treadle.scoring.exact import exact_reward as exact_reward
from treadle.scoring.margin import margin_reward as margin_reward
from treadle.scoring.of_domain import domain_reward as domain_reward
from treadle.scoring.rewards import final_answer_reward as final_answer_reward
from treadle.scoring.rewards import solution_reward as solution_reward
from treadle.scoring.rewards import srl_reward as srl_reward
from treadle.scoring.rewards import step_similarity as step_similarity
from treadle.scoring.scaled import scaled_reward as scaled_reward
from treadle.scoring.thoughts import ThoughtTags as ThoughtTags
from treadle.scoring.weighted import weighted_reward as weighted_reward
from treadle.training.srl_config import SRLConfig as SRLConfig
from treadle.training.trainer import SRLTrainer as SRLTrainer
from treadle.trajectory import Step as Step
from treadle.trajectory import StepInstance as StepInstance
from treadle.trajectory import Trajectory as Trajectory
from treadle.tree import tree_logps as tree_logps

__version__: str
__all__: list[str]
