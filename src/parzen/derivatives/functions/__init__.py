"""Derivatives of functions: `parzen.differentiate` and what is made of it. A file imports only from those below it:

check             check_gradient
descend           descend, ascend, Path

differentiate     the front: differentiate, derivative, grad, jacobian, hessian, value_and_grad
sparse            large matrices: sparse_jacobian, jacobian_operator, hvp
choice            options checked, ways tried in order, the answer named; result: Derivative
backends/         one file a way, and their table; symbolic: formulas for one of them, `parzen.symbolic`

together          finite differences: gradients, all entries at once
lines             … any other derivative: lines through x, bounds, one-sided rules
search            … the step for all problems of a rule, quickly; careful: for those that did not settle
evidence          … what several looks at f say: noise, stairs, kinks, narrower features
look              … what one look says; stencils: the weights of a look, extrapolation
problem           … what a search is asked and answers: plain data

sampling          calls of f: singly, in batches, in threads, counted
target            f, x, bounds and the variables of interest, checked
"""
