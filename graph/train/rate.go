package train

// defaultRate is the learning rate where none is given. Deep networks take the optimizer's own. For linear models the
// curvature of the loss is known: at most h·|x|² for a row x, h the largest second derivative of the loss by a logit. So the
// optimizers that follow the raw gradient step by a multiple of 1/(h·mean|x|²), whatever the scale and number of features;
// the others divide by the gradient's size themselves and step in units of a weight.
func defaultRate(c *config, x []float32, width int) float64 {
	if c.family == familyMLP {
		return c.opt.lr
	}
	if !c.opt.raw {
		return c.opt.linearLR
	}
	var squares float64
	for _, v := range x {
		squares += float64(float64(v) * float64(v))
	}
	mean := 1 + squares/float64(len(x)/width) // 1 for the bias
	return c.opt.linearLR / float64(c.loss.curvature*mean)
}
