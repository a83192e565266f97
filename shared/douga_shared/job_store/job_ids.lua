-- KEYS[1]: all jobs. ARGV: how the key of a job begins. Returns the ids of those that have not expired.

local ids = redis.call('ZREVRANGE', KEYS[1], 0, -1)
local alive = {}
for _, id in ipairs(ids) do
    if redis.call('EXISTS', ARGV[1] .. id) == 1 then
        alive[#alive + 1] = id
    else
        redis.call('ZREM', KEYS[1], id)
    end
end
return alive
