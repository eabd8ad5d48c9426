"""What is right and what is wrong for each kind of answer, by hand."""

from __future__ import annotations

import pytest

from treadle.scoring.grading import Verdict, canonical

RIGHT = {
    "math": [
        ("1/2", "0.5"),
        (r"\dfrac12", r"\frac{1}{2}"),
        (r"\frac\pi2", r"\frac{\pi}{2}"),
        ("1,000", "1000"),
        (r"1{,}234", "1234"),
        (r"1\,234", "1234"),
        (r"50\%", "50"),
        (r"50\%", "0.5"),
        (r"90^\circ", "90"),
        ("90°", r"90^{\circ}"),
        ("9\\text{ inches}", "9"),
        (r"\$187.12", "187.12"),
        (r"\frac{\pi}{2}\text{ rad}", r"\frac\pi2"),
        ("x=5", "5"),
        ("|AB| = 5", "5"),  # which only names the length, as x does
        ("x = 5", r"5 \text{ cm}"),
        ("2^{10}", "1024"),
        (r"58\frac12", "58.5"),
        (r"e^{i\pi}", "-1"),
        ("0.333333", r"\frac13"),
        (r"2\sqrt{113}", r"\sqrt{452}"),
        ("√5", r"\sqrt{5}"),
        ("3x+1", "1+3x"),
        (r"\frac{1}{x+1}", "(x+1)^{-1}"),
        (r"\sqrt{x^2+2x+1}", "|x+1|"),
        (r"C e^{-2x}", r"c e^{-2x}"),
        ("y = 2x+1", "2x-y=-1"),
        ("2, 1", "1,2"),
        (r"\{1,2\}", "2,1"),
        (r"x=3 \text{ or } x=-2", "-2, 3"),
        (r"1\pm\sqrt5", r"1-\sqrt{5},1+\sqrt{5}"),
        (r"\{1\pm\sqrt{5},-2\}", r"\{ -2, 1 - \sqrt{5}, 1 + \sqrt{5} \}"),
        ("(1,2)", r"\left(1, 2\right)"),
        (r"\langle 1, 2\rangle", "(1,2)"),
        (r"(-\infty,2]", r"x \le 2"),
        (r"x \in (1,2)", "(1,2)"),
        (r"(0,1)\cup(2,3]", r"(2,3]\cup(0,1)"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{bmatrix} 1 \\ 2 \end{bmatrix}"),
        ("east", r"\text{East}"),
        ("No", r"\text{no}"),
        (r"\textbf{(B)}\ 26", "26"),
        ("(B)", r"\textbf{B}"),
        (r"\text{(B) 4.2}", "B"),
    ],
    "integer": [
        ("27.0", "27"),
        ("025", "25"),
        ("25", "025"),
        (r"\frac{54}{2}", "27"),
        (r"27 \text{ miles}", "27"),
        (r"1{,}625", "1625.0"),
        (r"\$27", "27"),
        (r"\text{27}", "27.0"),
        ("2^5", "32"),
        ("x=27.", "27"),
        ("-1", "-1.0"),
    ],
    "minerva": [
        (r"1.6 \times 10^{-19}", "1.6e-19"),
        ("1.6e-19", r"0.16\cdot10^{-18} \mathrm{~C}"),
        (r"4.5 × 10^{33} \text{ ergs/s}", "4.5e33"),
        (r"2\times10^{27}\ \text{kg}", "2e27"),
        ("-1/3", "-1./3"),
        ("-0.33333", "-1./3"),
        ("33.3 cm", "33.3"),
        (r"1.6\mathrm{~cm}", "1.6"),
        (r"\arcsin(10/13)", "np.arcsin(10/13)"),
        ("0.87758", "np.arcsin(10/13)"),
        ("SRMC = MR", "MR=SRMC"),
        (r"y'+ry=rx(t)", r"y^{\prime}+r y-r x(t)=0"),
        (r"\frac{dx}{dt}-kx+a=0", r"\frac{d x}{d t}=k x-a"),
        (r"\frac{E_1+2E_2}{3}", r"\frac{1}{3} E_{1}+\frac{2}{3} E_{2}"),
        ("E_2, E_1", "E_{1},E_{2}"),
        (r"m_p c^2 (\gamma^2-1)\sin^2\theta", r"m_{p} c^{2}\left(\gamma^{2}-1\right) \sin ^{2} \theta"),
        (r"\frac{\lambda_{\mathrm{red}}}{\sqrt2}", r"\lambda_{\text {red}} / \sqrt{2}"),
        (r"\frac{37m}{4}", r"\frac{37}{4} m"),
        ("125-1.25P", "X_{d}=125-1.25 P"),
        (r"\frac{\sinh(at)}{a}", r"\frac{1}{2a}(\exp{a*t} - \exp{-a*t})"),
        (
            r"\hbar\omega\left(v+\frac{1}{2}\right)-\frac{(eE_0)^2}{2m\omega^2}",
            r"\hbar \omega(v+1 / 2)-\frac{E_{0}^{2} e^{2}}{2 m \omega^{2}}",
        ),
        (
            r"\frac{10^5 L_\odot}{0.007 c^2}\left(\frac{M}{M_\odot}\right)^6",
            r"\frac{dM}{dt}=\frac{10^{5} L_{\odot}}{0.007 c^{2} M_{\odot}^{6}} M^{6}",
        ),
        (
            r"x_0\cos\omega t + \frac{\dot x_0}{\omega}\sin\omega t",
            r"x_{0} \cos (\omega t)+$ $\dot{x}_{0} \sin (\omega t) / \omega",
        ),
    ],
    "text": [(r"\text{The East}", "east"), ("Yes.", "yes")],
    "choice": [("(B)", "B"), ("(b)", "B"), (r"\textbf{(B) } 26", "B"), ("B.", "(B)")],
}
WRONG = {
    "math": [
        ("(1,2)", "[1,2]"),
        ("[1,2)", "[1,2]"),
        ("(1,2)", "(2,1)"),
        ("(1,2)", r"\{1,2\}"),
        ("1,2", "1,3"),
        ("1,2", "1,2,2"),
        ("1,2", "1"),
        ("x=1", "y=1"),
        ("5 cm", "5 m"),
        (r"5\text{ cm}", r"5\text{ m}"),
        ("500", "5"),
        ("0.5", "50"),
        (r"\text{east}", r"\text{seat}"),
        ("east", "seat"),
        ("B", "(C)"),
        (r"\text{(A) 3}", "4"),
        ("2^{1996}+1", "2^{1996}"),
        ("0.33", r"\frac13"),
        ("4.9999999", "5"),
        ("3e-10", "4e-10"),
        ("", "5"),
        ("ab", "a+b"),
        (r"5 \text{ or more}", "5"),
        (r"5 \text{ million}", "5"),
    ],
    "integer": [
        ("27.00001", "27"),
        ("270", "27"),
        ("0.27", "27"),
        ("27,28", "27"),
        ("27m", "27"),
        (r"27\text{ or }28", "27"),
        ("10001", "10000"),
        ("2 7", "27"),
        ("2\x007", "27"),
        ("-27", "27"),
    ],
    "minerva": [
        ("3.3e-10", "3.61e-10"),
        ("1.61", "1.6"),
        ("3e8", "3e9"),
        (r"\frac{37}{4}", r"\frac{37}{4} m"),
        ("2/3", r"\frac{1}{3} E_{1}+\frac{2}{3} E_{2}"),
        ("2", r"\hbar \omega(v+1 / 2)-\frac{E_{0}^{2} e^{2}}{2 m \omega^{2}}"),
        (r"\frac{1}{\sqrt2}", r"\frac{1}{\sqrt{2}}c"),
        ("1/m", r"\frac{1}{m} t"),
        ("y + ry - rx(t)=0", r"y^{\prime}+r y-r x(t)=0"),
        ("SRMC", "MR=SRMC"),
        (r"\frac{\omega}{t}", r"\frac{d\omega}{dt}"),
        ("m", "M+m"),
    ],
    "text": [("west", "east"), ("", "east")],
    "choice": [("A", "B"), ("26", "B")],
}
# An answer may be an equation where the reference is none, not the other way round.
ONE_WAY = [("m+n=27", "27", "math"), ("100m+n = 8104", "8104", "integer")]
NEVER = [
    ("T", r"I \frac{d \omega}{d t}+2 B \omega=T"),
    (r"I \frac{d \omega}{d t}+2 B \omega=T", "T"),
    ("0", r"y^{\prime}+r y-r x(t)=0"),
    (r"y^{\prime}+r y-r x(t)=0", "0"),
]


def _flat(table):
    return [(kind, *pair) for kind, pairs in table.items() for pair in pairs]


@pytest.mark.parametrize(("table", "expected"), [(RIGHT, Verdict.RIGHT), (WRONG, Verdict.WRONG)])
def test_verdicts_both_ways(grader, table, expected):
    kinds, answers, references = zip(*_flat(table), strict=True)
    for first, second in ((answers, references), (references, answers)):
        grades = grader.judge(first, second, kinds)
        assert [
            t for t, g in zip(zip(kinds, first, second, strict=True), grades, strict=True) if g[0] != expected
        ] == []


def test_an_equation_says_its_right_side_and_is_not_said_by_it(grader):
    for answer, reference, kind in ONE_WAY:
        forth, back = grader.judge([answer, reference], [reference, answer], kind)
        assert (forth.verdict, back.verdict) == (Verdict.RIGHT, Verdict.WRONG)
    grades = grader.judge(*zip(*NEVER, strict=True), "minerva")
    assert {grade.verdict for grade in grades} == {Verdict.WRONG}


@pytest.mark.parametrize(
    "same",
    [
        [r"\dfrac12", "0.5", "1/2", ".50", "x = 1/2"],
        ["1,234", "1234.0", r"1234 \text{ m}", r"\$1{,}234"],
        [r"\{2,1\}", "1, 2", "2 and 1"],
        ["B", r"\textbf{(B)} 26", "(b)"],
        [r"\text{East}", r"\textbf{east}"],
        [r"2\sqrt{3}", r"2 \sqrt 3", r"$2\sqrt{3}$."],
    ],
)
def test_one_class_for_one_answer(same):
    assert len({canonical(answer) for answer in same}) == 1


def test_classes_keep_apart_what_differs():
    different = ["1", "-1", "1%", "(1, 2)", "[1, 2]", "(2, 1)", "1, 2", "A", r"\text{a b}", "x+1", ""]
    assert len({canonical(answer) for answer in different}) == len(different)
