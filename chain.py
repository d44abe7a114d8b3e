import time, tempfile, cProfile, pstats
from pathlib import Path
from backmap.engine.energy.layout import FieldLayout
from backmap.engine.hamiltonian import tables
from tests import large
f = large.Files(Path(tempfile.mkdtemp()), large.chain(1666)); s = f.system(); field = f.field(s); layout = FieldLayout(s, field)
best = 9
for k in range(4):
    tables._BUILT.clear(); t = time.process_time(); tables.build(s, layout, 8, True); best = min(best, time.process_time()-t)
print(f.n_atoms, "atoms", best, "CPU s")
t = time.process_time(); f.system(); a = time.process_time(); f.field(s); print("read", a-t, time.process_time()-a)
p = cProfile.Profile(); tables._BUILT.clear(); p.enable(); tables.build(s, layout, 8, True); p.disable()
import io; o = io.StringIO(); pstats.Stats(p, stream=o).sort_stats("tottime").print_stats(18); print(o.getvalue()[-2600:])
