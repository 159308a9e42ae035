"""Trains judge.weights: python3 train.py TABLE FOLDER OUT. TABLE is written by the ignored test `training_table`, FOLDER holds
the annotations that generate.py wrote. Needs numpy."""
import json, sys
import numpy as np

def f_measure(reference, estimate, window):
    i = j = n = 0
    while i < len(reference) and j < len(estimate):
        if abs(estimate[j] - reference[i]) <= window: n += 1; i += 1; j += 1
        elif reference[i] < estimate[j]: i += 1
        else: j += 1
    return 2.0 * n / max(1, len(reference) + len(estimate))

def load(table, folder):
    """name -> (inputs [pair][input], (beat F, downbeat F) of each pair)"""
    pieces = {}
    for line in open(table):
        row = json.loads(line)
        if row["name"] not in pieces:
            truth = json.load(open(f"{folder}/{row['name']}.json"))
            pieces[row["name"]] = ([], [], [b["time_secs"] for b in truth["beats"]], truth["downbeats"])
        inputs, scores, beats, downbeats = pieces[row["name"]]
        secs = [b[0] for b in row["beats"]]
        inputs.append(row["inputs"])
        scores.append((f_measure(beats, secs, .07), f_measure(downbeats, [b[0] for b in row["beats"] if b[1] == 1], .07)))
    return {name: (np.array(p[0]), np.array(p[1])) for name, p in pieces.items()}

def train(data,H=12,l2=3e-3,steps=1200,lr=.01,seed=0,noise=.15):
    rng=np.random.default_rng(seed)
    A=np.concatenate([d[0] for d in data]); mu=A.mean(0); sd=A.std(0)+1e-6; D=A.shape[1]
    Z=[(d[0]-mu)/sd for d in data]; n=[len(z) for z in Z]; B=np.concatenate(Z); off=np.cumsum([0]+n)
    P=[]
    for d in data:
        u=d[1][:,0]+.6*d[1][:,1]; p=np.exp(14*(u-u.max())); P.append(p/p.sum())
    P=np.concatenate(P); seg=np.repeat(np.arange(len(n)),n); S=len(n)
    th=dict(W=rng.normal(0,1/np.sqrt(D),(D,H)),b=np.zeros(H),v=rng.normal(0,.3,H),w=np.zeros(D)); M={k:(np.zeros_like(x),np.zeros_like(x)) for k,x in th.items()}
    for k in range(1,steps+1):
        X=B+noise*rng.normal(size=B.shape); h=np.tanh(X@th['W']+th['b']); s=h@th['v']+X@th['w']
        mx=np.maximum.reduceat(s,off[:-1]); e=np.exp(s-mx[seg]); q=e/np.add.reduceat(e,off[:-1])[seg]
        g=(q-P)/S; gh=np.outer(g,th['v'])*(1-h*h)
        G=dict(W=X.T@gh+l2*th['W'],b=gh.sum(0),v=h.T@g+l2*th['v'],w=X.T@g+l2*2*th['w'])
        for key in th:
            m,v=M[key]; m[:]=.9*m+.1*G[key]; v[:]=.99*v+.01*G[key]**2
            th[key]=th[key]-lr*(m/(1-.9**k))/(np.sqrt(v/(1-.99**k))+1e-8)*(1 if k<steps*.6 else .2)
    return th,mu,sd

pieces = list(load(sys.argv[1], sys.argv[2]).values())
nets = [train(pieces, 12, 1e-2, 500, seed=k) for k in range(2)]
mu, sd = nets[0][1], nets[0][2]
rows = [mu, 1 / sd, np.mean([t["w"] for t, _, _ in nets], 0)]
for t, _, _ in nets:
    for h in range(t["W"].shape[1]):
        rows.append(np.concatenate([t["W"][:, h], [t["b"][h]], [t["v"][h] / len(nets)]]))
open(sys.argv[3], "w").write("\n".join(" ".join(f"{x:.4g}" for x in r) for r in rows) + "\n")
