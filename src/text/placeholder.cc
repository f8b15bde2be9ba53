namespace stapes {}
