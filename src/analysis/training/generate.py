"""Makes 211 pieces of synthetic music with known beats: python3 generate.py FOLDER. Needs fluidsynth and the General MIDI
soundfonts of Debian's packages fluid-soundfont-gm (MIT) and timgm6mb-soundfont (GPL-2; only its sound is used here)."""
import random, struct, subprocess, json, sys, os
OUT=sys.argv[1]
def vlq(n):
    b=[n&127]; n>>=7
    while n: b.append((n&127)|128); n>>=7
    return bytes(reversed(b))
def midi(path, events, programs):
    # events: (secs, ch, note, vel, dur); ticks at 1000/s: tempo 500000us per 500 ticks
    ev=[]
    for ch,p in programs.items():
        if ch!=9: ev.append((0,0,bytes([0xC0|ch,p])))
    for t,ch,n,v,d in events:
        a=int(round(t*1000)); b=int(round((t+d)*1000))
        ev.append((a,2,bytes([0x90|ch,n,max(1,min(127,int(v)))]))); ev.append((max(b,a+10),1,bytes([0x80|ch,n,0])))
    ev.sort(key=lambda e:(e[0],e[1]))
    data=b''; last=0
    data+=b'\x00\xff\x51\x03'+(500000).to_bytes(3,'big')
    for t,_,m in ev: data+=vlq(t-last)+m; last=t
    data+=vlq(2500)+b'\xff\x2f\x00'
    open(path,'wb').write(b'MThd'+struct.pack('>IHHH',6,0,1,500)+b'MTrk'+struct.pack('>I',len(data))+data)
K,S,H,OH,R,CR,SH,RIM=36,38,42,46,51,49,70,37
# patterns: list of (beat position, note, vel) per bar, in beats
def drums(style,rng):
    e=lambda st,n,v,lo=0,hi=4:[(lo+i*st,n,v) for i in range(int((hi-lo)/st+1e-6))]
    if style=='house': return [(i,K,110) for i in range(4)]+[(i+.5,OH,80) for i in range(4)]+[(1,39,90),(3,39,90)]+e(.25,H,45)
    if style=='rock': return [(0,K,110),(2,K,105),(2.5,K,80),(1,S,110),(3,S,110)]+e(.5,H,70)
    if style=='funk': return [(0,K,110),(.75,K,80),(2.5,K,100),(1,S,110),(1.75,S,40),(2.25,S,40),(3,S,110)]+e(.25,H,60)
    if style=='dnb': return [(0,K,115),(2.5,K,110),(1,S,115),(3,S,115),(1.75,S,50)]+e(.5,H,70)
    if style=='half': return [(0,K,115),(1.5,K,80),(2,S,115),(3.5,K,70)]+e(.5,H,65)
    if style=='hiphop': return [(0,K,115),(.75,K,70),(2.25,K,100),(1,S,110),(3,S,110)]+e(.5,H,65)
    if style=='reggae': return [(2,K,110),(2,RIM,100)]+e(.5,H,60)
    if style=='bossa': return [(0,K,90),(1.5,K,70),(2,K,90),(3.5,K,70),(0,RIM,80),(1.5,RIM,80),(3,RIM,80)]+e(.5,SH,60)
    if style=='jazz': return [(0,R,80),(1,R,90),(1.667,R,60),(2,R,80),(3,R,90),(3.667,R,60),(1,44,70),(3,44,70)]
    if style=='shuffle': return [(0,K,110),(2,K,100),(1,S,110),(3,S,110)]+[(i,H,80) for i in range(4)]+[(i+.667,H,55) for i in range(4)]
    if style=='waltz': return [(0,K,100),(1,H,70),(2,H,70),(1,S,50),(2,S,50)]
    if style=='waltzjazz': return [(0,R,85),(1,R,75),(1.667,R,55),(2,R,75),(1,44,60)]
    if style=='six': return [(0,K,105),(1,S,100)]+[(i/3,H,60 if i%3 else 80) for i in range(6)]
    if style=='punk': return [(0,K,110),(1,K,100),(2,K,110),(3,K,100),(.5,S,110),(1.5,S,110),(2.5,S,110),(3.5,S,110)]+e(.5,H,80) 
    if style=='march': return [(0,K,110),(1,S,80),(1.5,S,60),(1.75,S,60)]
    if style=='tango': return [(0,K,90),(1.5,S,60),(2,S,70),(3,S,70)]
    return []
G=[('house',4,(118,132)),('rock',4,(90,150)),('funk',4,(85,120)),('dnb',4,(165,180)),('half',4,(130,150)),('hiphop',4,(75,98)),('reggae',4,(120,155)),
   ('bossa',4,(115,150)),('jazz',4,(110,210)),('shuffle',4,(85,140)),('waltz',3,(90,180)),('waltzjazz',3,(130,190)),('six',2,(44,70)),('none4',4,(60,110)),('none3',3,(70,140)),('none6',2,(44,66)),('rubato',4,(60,95)),('rock',4,(90,140)),('march',2,(100,130)),('pop',4,(75,130)),('pop',4,(95,128)),('ballad',4,(58,80)),('five',5,(110,160))]
def make(i):
    rng=random.Random(1000+i); style,bpb,(lo,hi)=G[i%len(G)]
    bpm=rng.uniform(lo,hi); sixeight=style in('six','none6')
    dur=rng.uniform(34,50); nbars=int(dur*bpm/60/bpb)
    nbars=max(8,nbars//4*4)
    # beat times
    drift=rng.choice([0,0,.01,.03]); rub=.12 if style=='rubato' else (.03 if 'none' in style else 0)
    import math
    t=rng.choice([.2,.5,1.0,2.5]); bt=[]; ph=rng.random()*6
    for b in range(nbars*bpb+1):
        bt.append(t)
        f=1+drift*math.sin(b/17+ph)+rub*math.sin(2*math.pi*b/(bpb*4)+ph)+rng.gauss(0,rub/6)
        t+=60/bpm/f
    jit=rng.choice([0,.004,.008]) 
    def at(bar,pos):
        x=bar*bpb+pos; k=int(math.floor(x)); k=min(k,len(bt)-2); return bt[k]+(x-k)*(bt[k+1]-bt[k])+rng.gauss(0,jit)
    key=rng.randrange(12); minor=rng.random()<.5
    sc=[0,2,3,5,7,8,10] if minor else [0,2,4,5,7,9,11]
    progs=[[0,4,5,3],[0,5,3,4],[0,3,4,3],[5,3,0,4],[0,0,3,4],[1,4,0,0],[0,6,5,4]]
    prog=[rng.choice(progs) for _ in range(2)]
    deg=lambda d,o:key+sc[d%7]+12*(d//7)+12*o
    ds={'pop':rng.choice(['rock','half','house','funk']),'ballad':'rock','five':None}.get(style,style)
    pat=drums(ds,rng) if ds else []
    if style=='five': pat=[(0,K,110),(3,K,90),(1,S,60),(4,S,80)]+[(k*.5,H,60) for k in range(10)]
    comp=rng.choice(['pad','arp','beats','off','strum']) if style not in('reggae','none6','six') else ('off' if style=='reggae' else 'arp')
    bassk=rng.choice(['root','eighth','pump','rootfifth']) if style not in('jazz','waltzjazz','house','waltz') else {'jazz':'walk','waltzjazz':'walk','house':'offb','waltz':'root'}[style]
    if style.startswith('none') or style=='rubato': bassk=rng.choice(['root','none','rootfifth']); comp=rng.choice(['arp','arp','strum','beats']) 
    swing=style in('jazz','shuffle','waltzjazz') or (style=='hiphop' and rng.random()<.5)
    chordlen=rng.choice([1,1,1,2]) if bpb!=2 else rng.choice([1,2])
    prg={0:rng.choice([0,4,24,25,27,48,5,11,46,6]),1:rng.choice([32,33,35,38,43]),2:rng.choice([73,65,56,40,80,11,68,22]),3:rng.choice([48,50,89,52]),9:0}
    nsec=rng.choice([2,3,4]); seclen=max(4,nbars//nsec//4*4); secs=[]; ev=[]
    lay=[]
    for s in range((nbars+seclen-1)//seclen):
        lay.append(dict(dr=rng.random()<.85 or s==1, mel=rng.random()<.6, pad=rng.random()<.4, pr=prog[s%2], comp=rng.random()<.9, bass=rng.random()<.9, g=rng.choice([.7,1,1])))
    melr=[[0,1,2,3],[0,.5,1,2,3],[0,1.5,2,3,3.5],[.5,1,1.5,2.5,3],[0,2],[0,.75,1.5,2,2.75,3.5]]
    mr=[rng.choice(melr) for _ in range(4)]
    sw=lambda p:(math.floor(p)+ (2/3 if abs(p%1-.5)<1e-6 else p%1)) if swing else p
    div=3 if sixeight else 2
    for bar in range(nbars):
        L=lay[bar//seclen]; g=L['g']; d=L['pr'][(bar//chordlen)%4]; ch=[deg(d,5),deg(d+2,5),deg(d+4,5)]
        blen=lambda p:(60/bpm)*p
        if L['dr']:
            for p,n,v in pat:
                if p<bpb: ev.append((at(bar,sw(p)),9,n,v*g*rng.uniform(.88,1.05),.1))
            if bar%seclen==0 and pat: ev.append((at(bar,0),9,CR,95,.5))
            if pat and bar%4==3 and rng.random()<.5:
                for q in range(4): ev.append((at(bar,bpb-1+q*.25),9,rng.choice([45,47,S]),80,.1))
        if L['bass']:
            b0=deg(d,3) if deg(d,3)<52 else deg(d,2)
            if bassk=='root': ev.append((at(bar,0),1,b0,95*g,blen(bpb)*.9))
            if bassk=='eighth':
                for q in range(bpb*div): ev.append((at(bar,sw(q/div)),1,b0,85*g,blen(.4)))
            if bassk=='pump':
                for q in range(bpb): ev.append((at(bar,q),1,b0,95*g,blen(.8)))
            if bassk=='offb':
                for q in range(bpb): ev.append((at(bar,q+.5),1,b0,95*g,blen(.4)))
            if bassk=='rootfifth':
                ev.append((at(bar,0),1,b0,95*g,blen(bpb/2)*.9)); ev.append((at(bar,bpb//2 if bpb!=3 else 2),1,b0+7 if bpb>2 else b0,80*g,blen(1)))
            if bassk=='walk':
                for q in range(bpb): ev.append((at(bar,q),1,b0+[0,4,7,9,5][q] if not minor else b0+[0,3,7,10,5][q],90*g*rng.uniform(.9,1.05),blen(.9)))
        if L['comp'] or not pat:
            if comp=='pad': 
                for n in ch: ev.append((at(bar,0),0,n,70*g,blen(bpb)*.98))
            if comp=='arp':
                k=0
                for q in range(bpb*div):
                    ev.append((at(bar,sw(q/div)),0,(ch+[ch[0]+12,ch[2],ch[1]])[k%6],(78 if q%div==0 else 66)*g*rng.uniform(.9,1.05)+(8 if q==0 else 0),blen(.5))); k+=1
            if comp=='beats':
                for q in range(bpb):
                    for n in ch: ev.append((at(bar,q)+rng.uniform(0,.004),0,n,(80 if q==0 else 70)*g,blen(.7)))
            if comp=='off':
                for q in range(bpb):
                    for n in ch: ev.append((at(bar,sw(q+.5)),0,n,75*g,blen(.25)))
            if comp=='strum':
                for q in ([0,1,1.5,2.5,3,3.5] if bpb==4 else [k for k in range(bpb)]):
                    for j,n in enumerate(ch): ev.append((at(bar,sw(q))+j*.006,0,n,(80 if q==0 else 68)*g,blen(.45)))
        if not pat and bassk=='none':
            ev.append((at(bar,0),0,deg(d,4),85*g,blen(bpb)*.9))
        if L['mel']:
            for p in mr[bar%4]:
                if p<bpb and not sixeight: ev.append((at(bar,sw(p)),2,deg(d+rng.choice([0,2,4,4,1,5]),6),85*g,blen(.6)))
                elif p<bpb: ev.append((at(bar,math.floor(p*3)/3),2,deg(d+rng.choice([0,2,4]),6),80*g,blen(.4)))
        if L['pad']:
            for n in ch: ev.append((at(bar,0),3,n,50*g,blen(bpb)))
    name=f's{i:03d}_{style}'
    # last downbeat hit
    ev.append((bt[nbars*bpb],1,deg(0,3) if deg(0,3)<52 else deg(0,2),90,1.5)); 
    for n in (deg(0,5),deg(2,5),deg(4,5)): ev.append((bt[nbars*bpb],0,n,80,1.5))
    midi(f'{OUT}/{name}.mid',ev,prg)
    beats=[{'time_secs':x,'position_in_bar':k%bpb+1} for k,x in enumerate(bt)]
    ons=sorted(set(round(e[0],4) for e in ev if e[1]!=3)); m=[]
    for o in ons:
        if not m or o-m[-1]>.03: m.append(o)
    sb=[bt[s*seclen*bpb] for s in range(len(lay))]+[bt[-1]+2.5]; sb[0]=0
    iv=sorted(b-a for a,b in zip(bt,bt[1:]))
    json.dump({'beats':beats,'downbeats':[b['time_secs'] for b in beats if b['position_in_bar']==1],'tempo_bpm':60/iv[len(iv)//2],'tempo_varies':iv[int(len(iv)*.95)]/iv[int(len(iv)*.05)]>1.08,
      'onsets':[{'time_secs':o} for o in m],'sections':[{'start_secs':a,'end_secs':b,'label':str(k)} for k,(a,b) in enumerate(zip(sb,sb[1:]))],'duration_secs':bt[-1]+2.5,'beats_per_bar':bpb},open(f'{OUT}/{name}.json','w'))
    soundfonts = ('FluidR3_GM.sf2', 'TimGM6mb.sf2')  # as packaged by Linux distributions
    sf = '/usr/share/sounds/sf2/' + soundfonts[i % 3 == 0]
    subprocess.run(['fluidsynth','-ni','-q','-g','0.6','-r','44100','-F',f'{OUT}/{name}.wav','-O','s16','-T','wav',sf,f'{OUT}/{name}.mid'],stdout=subprocess.DEVNULL,stderr=subprocess.DEVNULL)
for i in range(391):
    if i<161 or i%23 in (12,15,16,3,8): make(i)
