// What style alone cannot do: hovering, hiding arms, copying. The page can be read without.
(function () {
    'use strict';
    var data = document.getElementById('tfx-data');
    data = data ? JSON.parse(data.textContent) : {arms: []};
    var hidden = {};

    document.querySelectorAll('.legend button').forEach(function (button) {
        button.addEventListener('click', function () {
            var group = button.dataset.group;
            hidden[group] = !hidden[group];
            button.setAttribute('aria-pressed', String(!hidden[group]));
            document.querySelectorAll('.figures .arm.a' + group).forEach(function (g) {
                g.classList.toggle('off', hidden[group]);
            });
        });
    });

    function element(name, className, text) {
        var e = document.createElement(name);
        e.className = className;
        e.textContent = text || '';
        return e;
    }

    function count(x) {
        var units = ['', 'k', 'M', 'G', 'T', 'P', 'E'], u = 0;
        while (x >= 999.5 && u < 6) {
            x /= 1000;
            u++;
        }
        return (u ? x.toPrecision(3) : String(x)) + units[u];
    }

    // Numbers of a point begin with stage and step; then come the costs, two of each, and the loss.
    function describe(column, x) {
        if (column < 4)
            return x.toExponential(2).replace('+', '') + ' FLOPs';
        return column < 6 ? count(x) + ' tokens' : x.toPrecision(3) + ' s';
    }

    function hover(plot) {
        var area = plot.querySelector('.area'), column = Number(plot.dataset.column);
        var xs = plot.dataset.x.split(' ').map(Number), ys = plot.dataset.y.split(' ').map(Number);
        var tip = element('div', 'tip'), spot = element('div', 'spot');
        var shown = false;

        function hide() {
            if (shown) {
                tip.remove();
                spot.remove();
            }
            shown = false;
        }

        function nearest(px, py, width, height) {
            var best = null, least = 40 * 40;
            function look(points, arm, name) {
                points.forEach(function (p) {
                    var x = width * (Math.log10(p[column]) - xs[0]) / (xs[1] - xs[0]);
                    var y = height * (1 - (Math.log10(p[p.length - 1]) - ys[0]) / (ys[1] - ys[0]));
                    var d = (x - px) * (x - px) + (y - py) * (y - py);
                    if (d < least) {
                        least = d;
                        best = {x: x, y: y, point: p, arm: arm, name: name};
                    }
                });
            }
            data.arms.forEach(function (arm, i) {
                if (hidden[arm.group])
                    return;
                look(arm.mean, i, 'mean of ' + arm.mean_of + ' seeds');
                arm.runs.forEach(function (run) {
                    look(run.points, i, 'seed ' + run.seed);
                });
            });
            return best;
        }

        area.addEventListener('pointermove', function (event) {
            var box = area.getBoundingClientRect();
            var found = nearest(event.clientX - box.left, event.clientY - box.top, box.width, box.height);
            hide();
            if (!found)
                return;
            shown = true;
            tip.textContent = '';
            tip.append(element('b', '', data.arms[found.arm].arm));
            tip.append(found.name + ', step ' + found.point[1] + ', stage ' + found.point[0], element('br', ''),
                       'val loss ' + found.point[found.point.length - 1].toFixed(4), element('br', ''),
                       describe(column, found.point[column]));
            area.append(spot, tip);
            spot.style.left = found.x + 'px';
            spot.style.top = found.y + 'px';
            tip.style.left = Math.max(0, Math.min(found.x + 14, box.width - tip.offsetWidth)) + 'px';
            tip.style.top = (found.y > tip.offsetHeight + 14 ? found.y - tip.offsetHeight - 12 : found.y + 14) + 'px';
        });
        area.addEventListener('pointerleave', hide);
    }
    document.querySelectorAll('.plot[data-column]').forEach(hover);

    document.querySelectorAll('.sql pre').forEach(function (pre) {
        var code = pre.querySelector('code'), button = element('button', 'copy', 'Copy');
        button.type = 'button';
        button.addEventListener('click', function () {
            function select() {
                getSelection().selectAllChildren(code);
                document.execCommand('copy');
            }
            if (navigator.clipboard)
                navigator.clipboard.writeText(code.textContent).catch(select);
            else
                select();
            button.textContent = 'Copied';
        });
        pre.prepend(button);
    });
})();
