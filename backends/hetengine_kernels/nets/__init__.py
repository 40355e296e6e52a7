"""Recipes of the kernels of nets; names and arguments are those of `hetengine.nets.kernels`.

One module per file of that package, which says what each kernel does and what its buffers hold.
"""

from hetengine_kernels.nets import affine, convolution, dense, images, loss, pooling

RECIPES = {
    **affine.RECIPES,
    **convolution.RECIPES,
    **dense.RECIPES,
    **images.RECIPES,
    **loss.RECIPES,
    **pooling.RECIPES,
}
"""Recipes by name; each takes a launcher and the kernel's arguments."""
